//! Zone files that are good.

pub(super) const CASES: &[&str] = &[
    // The shape of entries (RFC 1035 section 5.1).
    "a 5 IN A 192.0.2.1\n AAAA 2001:db8::1\n\tTXT x\n",
    "a IN 5 A 192.0.2.1\nb 5 A 192.0.2.1\nc IN A 192.0.2.1\nA.Example.COM. TXT x",
    "a CLASS1 TYPE1 192.0.2.1",
    "a ( TXT ; comment (\n x\n y ) ; more\nb TXT ( \"x ( ; y\" )",
    "a TXT (x)(\ny)",
    "@ TXT x\n* TXT y\n*.b TXT z\n",
    "; nothing\n\n   \n\t; nothing\n",
    "a A 192.0.2.1\r\nb A 192.0.2.2\r\n",
    "in TXT x\n",
    // Times to live (RFC 2308 section 4).
    "a 0 TXT x\nb 1h30m TXT x\nc 1W2D3H4M5S TXT x\nd 2147483647 TXT x",
    "$TTL 2m\na TXT x\n$TTL 1d\nb TXT x\nc 7 TXT x\nd TXT y",
    "@ 7 SOA ns host 1 2 3 4 5\n@ NS ns\nns 9 A 192.0.2.1\na TXT x",
    "@ SOA ns host 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1",
    "@ SOA ns host ( 2026010101 1h 15m 1w 1d )\n 60 NS ns\nns A 192.0.2.1",
    // Directives.
    "$ORIGIN b\na TXT x\n$ORIGIN c.example.com.\na TXT x\n@ TXT y",
    "$ORIGIN .\na.example.com TXT x",
    "a A 192.0.2.1\n$INCLUDE included\n A 192.0.2.2\n",
    "$INCLUDE included b\nf TXT x\n",
    "$INCLUDE \"included\" b.example.com.\n",
    // Names and their escapes.
    r"a\.b TXT x",
    r"a\065\255\000\032 TXT x",
    r"a\@\;\(\)\$ TXT x",
    r"\097 TXT x",
    "a-very-long-label-of-sixty-three-bytes-in-all-and-not-one-too-m TXT x",
    "_dmarc TXT x\n_sip._tcp SRV 1 2 3 ns",
    // Strings and their escapes.
    r#"a TXT "" x "y z" "\"" \" "\\" a\;b "c;d" \065\066 "\065" "\255""#,
    "a TXT \"x\ty\"",
    r#"a TXT x"y z"\065"q" a="b c"d"#,
    "a TXT \u{e9}",
    r#"a HINFO "x y" z"#,
    // A type each.
    "a A 192.0.2.1\na A 192.0.2.2\na A 192.0.2.1",
    "a AAAA ::\na AAAA 2001:DB8::1\na AAAA ::ffff:192.0.2.1",
    "a CNAME @\nb CNAME nowhere.example.net.",
    "a PTR ns\nb PTR .",
    "a MX 10 ns\na MX 0 ns\nb MX 0 .",
    "a DNAME b.example.net.\na TXT x",
    "a RP . .\nb AFSDB 1 ns\nc RT 1 ns\nd KX 1 ns\ne PX 1 x. y.\ng MINFO x. y.\nh MB ns\ni MG ns\nj MR ns",
    "a SRV 1 2 3 ns\nb SRV 0 0 0 .",
    r#"a NAPTR 100 50 "s" "z3950+i2l+n2l" "" _z3950._tcp.x."#,
    r#"a NAPTR 100 10 "" "" "!^urn:cid:.+@([^\\.]+\\.)(.*)$!\\2!i" ."#,
    "a CERT PKIX 1 RSASHA256 AQID\nb CERT 65535 1 0 AQ ID",
    "a LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m",
    "a LOC 0 N 0 E 0\nb LOC 1 2 S 3 4 5.678 W 12.5 3 4567.89\nc LOC 90 S 180 W -100000.00m 90000000m 20m 0.01m",
    "a NS ns\na DS 1 8 1 0000000000000000000000000000000000000000\na DS 65535 RSASHA256 2 00000000000000000000000000000000 00000000000000000000000000000000",
    "a SSHFP 1 1 00000000000000000000000000000000000000ff\na SSHFP 4 2 0000000000000000000000000000000000000000000000000000000000000000",
    "a DNSKEY 256 3 8 AQ ID\na DNSKEY 257 3 ECDSAP256SHA256 AQID",
    "a CDNSKEY 0 3 0 AA==\na CDS 0 0 0 00",
    "a DHCID AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=",
    "_443._tcp.a TLSA 3 1 1 ab CD\n_25._tcp.a SMIMEA 0 0 0 00",
    "a OPENPGPKEY AQ ID",
    "@ ZONEMD 1 1 1 ( 000000000000000000000000000000000000000000000000\n000000000000000000000000000000000000000000000000 )",
    "a SPF x\nb AVC x y",
    "a NID 10 0014:4fff:ff20:ee64\na L64 10 2001:db8:1:2\na L32 10 192.0.2.1\na LP 10 l.example.net.",
    "a EUI48 00-00-5e-00-53-2A\na EUI64 00-00-5e-ef-10-00-00-2a",
    r#"a URI 10 1 "https://example.net/x?y=z""#,
    r#"a CAA 0 issue "ca.example.net; account=230123"
a CAA 128 tbs unknown
a CAA 0 iodef mailto:a@example.com
a CAA 0 issue ";""#,
    // SVCB and HTTPS (RFC 9460 appendix D).
    "a HTTPS 0 foo.example.net.\nb SVCB 1 .\nc SVCB 16 foo.example.net. port=53",
    r#"a SVCB 1 foo.example.net. key667=hello
b SVCB 1 foo.example.net. key667="hello\210qoo"
c SVCB 1 . key9=x key10= dohpath=/q{?dns}
d SVCB 1 . dohpath="/q{?a,dns}""#,
    r#"a SVCB 1 . ipv6hint="2001:db8::1,2001:db8::53:1"
b SVCB 16 . alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1
c SVCB 16 . alpn="f\\\\oo\\,bar,h2"
d SVCB 16 . alpn=f\\\092oo\092,bar,h2
e HTTPS 1 . ipv4hint=192.0.2.1,192.0.2.2 alpn="h2,h3" no-default-alpn ech=AQID port="8443"
f HTTPS 0 b. port=80"#,
    "a SVCB 1 . key65280\nb SVCB 1 . key65280=\nc SVCB 1 . key65280=\"\"\nd SVCB 1 . key3=\\000\\080",
    // The generic form (RFC 3597).
    r"a TYPE65280 \# 3 01 0203
b TYPE65280 \# 0
c TYPE1 \# 4 c0000201
d A \# 4 c0 00 02 01
e MX \# 5 000a016200
f CLASS1 TYPE65281 \# 2 abcd
g SVCB \# 7 000100 0009 0000",
    // $GENERATE.
    "$GENERATE 1-3 a$ A 10.0.0.$\n$GENERATE 0-10/5 b${1,3,d} 5 IN A 10.0.0.${-0} ; comment\n$generate 01-02 @ TXT x$",
    "$GENERATE 250-258 ${0,0,n}.a PTR h${0,6,x}.x.\n$GENERATE 250-258 ${-250,3,N}.b PTR h${0,4,o}.x.\n$GENERATE 0-1 ${4095,7,n}.c PTR h${4095,1,x}.x.",
    r#"$GENERATE 1-2 a$ MX "10 m$.x."
$GENERATE 1-2 b$ TXT "\"b $\" c\$ d$$"
$GENERATE 1-2 c$ TYPE65280 "\# 1 0$"
$GENERATE 1-2 d\$$$ TXT $.$
$GENERATE 1-2 e${-2} TXT "${-2,4} ${-2,2,x}""#,
    "b TXT x\n$GENERATE 1-2 a$ 7 TXT $\n TXT y\nc TXT z",
    // Delegations and what is below them.
    "a NS b.a\nb.a A 192.0.2.1\na NS ns.example.net.\nc NS ns\nc TXT x\nd.c A 192.0.2.1",
    // Doubtful, and served all the same.
    "a MX 1 nowhere\nb SRV 1 2 3 nowhere\nc MX 1 d\nd CNAME ns\ne NS d\nf NS g.c\nc NS ns",
];
