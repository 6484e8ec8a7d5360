//! The continent of each country, for databases that give a country but no continent.

use super::Code;

/// Continent and its countries: ISO 3166-1 alpha-2 with `XK` (Kosovo), `AN` and `CS` (withdrawn), assigned as in
/// `GeoNames` countryInfo.txt (download.geonames.org/export/dump, 2025); and `UK` and `EU`, which ISO 3166-1 reserves for
/// the United Kingdom and the European Union and registries still use.
const CONTINENTS: [(&str, &str); 7] = [
    (
        "AF",
        "AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW KE KM LR LS LY MA MG ML MR MU MW MZ NA \
         NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TG TN TZ UG YT ZA ZM ZW",
    ),
    ("AN", "AQ BV GS HM TF"),
    (
        "AS",
        "AE AF AM AZ BD BH BN BT CC CN GE HK ID IL IN IO IQ IR JO JP KG KH KP KR KW KZ LA LB LK MM MN MO MV MY NP OM \
         PH PK PS QA SA SG SY TH TJ TM TR TW UZ VN YE",
    ),
    (
        "EU",
        "AD AL AT AX BA BE BG BY CH CS CY CZ DE DK EE ES EU FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI LT LU LV MC MD ME \
         MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA UK VA XK",
    ),
    (
        "NA",
        "AG AI AN AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ MS MX NI PA PM PR SV SX TC \
         TT US VC VG VI",
    ),
    ("OC", "AS AU CK CX FJ FM GU KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TL TO TV UM VU WF WS"),
    ("SA", "AR BO BR CL CO EC FK GF GY PE PY SR UY VE"),
];

/// The continent of a country; none for a code that is not a country, such as `AP` or `A1`.
pub(super) fn continent_of(country: Code) -> Option<Code> {
    let has = |countries: &str| countries.split(' ').any(|code| code == country.as_str());
    CONTINENTS.iter().find(|(_, countries)| has(countries)).and_then(|(continent, _)| Code::new(continent))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[track_caller]
    fn check(country: &str, expect: Option<&str>) {
        let continent = continent_of(Code::new(country).unwrap());
        assert_eq!(continent.as_ref().map(Code::as_str), expect, "{country}");
    }

    #[test]
    fn countries_have_the_continent_geonames_gives_them() {
        check("CN", Some("AS"));
        check("HK", Some("AS"));
        check("MO", Some("AS"));
        check("TW", Some("AS"));
        check("TR", Some("AS"));
        check("RU", Some("EU"));
        check("CY", Some("EU"));
        check("XK", Some("EU"));
        check("TL", Some("OC"));
        check("US", Some("NA"));
        check("NA", Some("AF"));
        check("AQ", Some("AN"));
        check("ZZ", None);
        check("EU", Some("EU"));
        check("UK", Some("EU"));
        check("AP", None);
        check("A", None);
    }

    #[test]
    fn every_country_has_one_continent() {
        let all: Vec<&str> = CONTINENTS.iter().flat_map(|(_, countries)| countries.split(' ')).collect();
        assert_eq!(all.len(), 254, "249 of ISO 3166-1, and XK, AN, CS, UK, EU");
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 254);
        assert!(all.iter().all(|code| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())));
    }
}
