$TTL 86400
@     SOA ns1 dns-admin (
        1      ; serial
        7200   ; refresh
        30M    ; retry
        3D     ; expire
        900 )  ; ncache
@     NS ns1
@     NS ns2.@Z
ns1   A  192.0.2.53
ns2   A  198.51.100.53

www     600/60 DYNA geoip!www      ; the site
        MX 10 mail
www.us  600    DYNA geoip!www/us
cdn     600    DYNC geoip!cdn
api     60     DYNA weighted!api
mail    300    DYNA simplefo!mail
shop    300    DYNA metafo!shop
alias   CNAME www
