//! The names of time zones in American English, as Java 17 prints them.
//!
//! A name belongs to a zone and not to a time: what a zone was called before its present name is not
//! known here, as it is not known to Java.

use crate::layout::text::heading;

/// How a zone is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Names {
    /// In standard time, in summer time, and whatever the season.
    pub(super) short: [&'static str; 3],
    /// The same, spelt out.
    pub(super) long: [&'static str; 3],
    /// Whether the short names are in use in North America only.
    pub(super) is_american: bool,
}

impl Names {
    /// The names of the zone with this id.
    pub(super) fn find(id: &str) -> Option<Self> {
        heading(NAMES, id).and_then(Self::read)
    }

    fn read(head: &'static str) -> Option<Self> {
        let mut parts = head.trim_start_matches('*').split('|');
        let mut three = || {
            let standard = parts.next()?;
            let mut or_standard = || {
                let name = parts.next()?;
                Some(if name.is_empty() { standard } else { name })
            };
            Some([standard, or_standard()?, or_standard()?])
        };
        Some(Self {
            short: three()?,
            long: three()?,
            is_american: head.starts_with('*'),
        })
    }
}

/// Names, and below them the zones that have them.
///
/// Short and long names, each in standard time, in summer time, and whatever the season. A name that
/// is left out is that of standard time. A star is before short names of North America. Zones that
/// are not listed have no name.
///
/// The names are those of the Unicode Common Locale Data Repository (© Unicode, Inc., Unicode License
/// V3) and of Java. `tests/golden/oracle` prints the lines between the quotes: `oracle.Tables zones`.
static NAMES: &str = r"*AKST|AKDT|AKT|Alaska Standard Time|Alaska Daylight Time|Alaska Time
 America/Anchorage America/Juneau America/Metlakatla America/Nome America/Sitka America/Yakutat
 SystemV/YST9YDT US/Alaska
*AST|ADT|AT|Atlantic Standard Time|Atlantic Daylight Time|Atlantic Time
 America/Anguilla America/Antigua America/Aruba America/Barbados America/Blanc-Sablon
 America/Curacao America/Dominica America/Glace_Bay America/Goose_Bay America/Grenada
 America/Guadeloupe America/Halifax America/Kralendijk America/Lower_Princes America/Marigot
 America/Martinique America/Moncton America/Montserrat America/Port_of_Spain America/Puerto_Rico
 America/Santo_Domingo America/St_Barthelemy America/St_Kitts America/St_Lucia America/St_Thomas
 America/St_Vincent America/Thule America/Tortola America/Virgin Atlantic/Bermuda Canada/Atlantic
 SystemV/AST4ADT
*AST||AT|Atlantic Standard Time||Atlantic Time
 SystemV/AST4
*CST|CDT|CT|Central Standard Time|Central Daylight Time|Central Time
 America/Bahia_Banderas America/Belize America/Chicago America/Chihuahua America/Costa_Rica
 America/El_Salvador America/Guatemala America/Indiana/Knox America/Indiana/Tell_City
 America/Knox_IN America/Managua America/Matamoros America/Menominee America/Merida
 America/Mexico_City America/Monterrey America/North_Dakota/Beulah America/North_Dakota/Center
 America/North_Dakota/New_Salem America/Ojinaga America/Rainy_River America/Rankin_Inlet
 America/Regina America/Resolute America/Swift_Current America/Tegucigalpa America/Winnipeg
 CST6CDT Canada/Central Canada/Saskatchewan Mexico/General SystemV/CST6CDT US/Central
 US/Indiana-Starke
*CST||CT|Central Standard Time||Central Time
 SystemV/CST6
*EST|EDT|ET|Eastern Standard Time|Eastern Daylight Time|Eastern Time
 America/Cancun America/Detroit America/Fort_Wayne America/Grand_Turk America/Indiana/Indianapolis
 America/Indiana/Marengo America/Indiana/Petersburg America/Indiana/Vevay
 America/Indiana/Vincennes America/Indiana/Winamac America/Indianapolis America/Iqaluit
 America/Jamaica America/Kentucky/Louisville America/Kentucky/Monticello America/Louisville
 America/Montreal America/Nassau America/New_York America/Nipigon America/Pangnirtung
 America/Port-au-Prince America/Thunder_Bay America/Toronto Canada/Eastern EST5EDT Jamaica
 SystemV/EST5EDT US/East-Indiana US/Eastern US/Michigan
*EST||ET|Eastern Standard Time||Eastern Time
 America/Atikokan America/Cayman America/Coral_Harbour America/Panama SystemV/EST5
*HAST|HADT|HAT|Hawaii-Aleutian Standard Time|Hawaii-Aleutian Daylight Time|Hawaii-Aleutian Time
 America/Adak America/Atka Pacific/Johnston US/Aleutian
*HST|HDT||Hawaii-Aleutian Standard Time|Hawaii-Aleutian Daylight Time|Hawaii-Aleutian Time
 Pacific/Honolulu US/Hawaii
*HST|||Hawaii-Aleutian Standard Time||Hawaii-Aleutian Time
 SystemV/HST10
*MST|MDT|MT|Mountain Standard Time|Mountain Daylight Time|Mountain Time
 America/Boise America/Cambridge_Bay America/Ciudad_Juarez America/Creston America/Dawson
 America/Dawson_Creek America/Denver America/Edmonton America/Fort_Nelson America/Inuvik
 America/Phoenix America/Shiprock America/Whitehorse America/Yellowknife Canada/Mountain
 Canada/Yukon MST7MDT Navajo SystemV/MST7MDT US/Arizona US/Mountain
*MST||MT|Mountain Standard Time||Mountain Time
 SystemV/MST7
*PST|PDT|PT|Pacific Standard Time|Pacific Daylight Time|Pacific Time
 America/Ensenada America/Los_Angeles America/Tijuana America/Vancouver Canada/Pacific
 Mexico/BajaNorte PST8PDT SystemV/PST8PDT US/Pacific
ACST|ACDT|ACT|Australian Central Standard Time|Australian Central Daylight Time|Central Australia Time
 Australia/Adelaide Australia/Broken_Hill Australia/Darwin Australia/North Australia/South
 Australia/Yancowinna
ACT|ACST||Acre Standard Time|Acre Summer Time|Acre Time
 America/Eirunepe America/Porto_Acre America/Rio_Branco Brazil/Acre
ACWST|ACWDT|ACWT|Australian Central Western Standard Time|Australian Central Western Daylight Time|Australian Central Western Time
 Australia/Eucla
AEST|AEDT|AET|Australian Eastern Standard Time|Australian Eastern Daylight Time|Eastern Australia Time
 Antarctica/Macquarie Australia/ACT Australia/Brisbane Australia/Canberra Australia/Currie
 Australia/Hobart Australia/Lindeman Australia/Melbourne Australia/NSW Australia/Queensland
 Australia/Sydney Australia/Tasmania Australia/Victoria
AFT|||Afghanistan Time||
 Asia/Kabul
AKST|||Gambier Time||
 SystemV/YST9
ALMT|ALMST||East Kazakhstan Time|Alma-Ata Summer Time|Alma-Ata Time
 Asia/Almaty
AMT|AMST||Amazon Standard Time|Amazon Summer Time|Amazon Time
 America/Boa_Vista America/Campo_Grande America/Cuiaba America/Manaus America/Porto_Velho
 Brazil/West
AMT|AMST||Armenia Standard Time|Armenia Summer Time|Armenia Time
 Asia/Yerevan
ANAT|ANAST||Anadyr Standard Time|Anadyr Summer Time|Anadyr Time
 Asia/Anadyr
AQTT|AQTST||West Kazakhstan Time|Aqtau Summer Time|Aqtau Time
 Asia/Aqtau
AQTT|AQTST||West Kazakhstan Time|Aqtobe Summer Time|Aqtobe Time
 Asia/Aqtobe
ART|ARST||Argentina Standard Time|Argentina Summer Time|Argentina Time
 America/Argentina/Buenos_Aires America/Argentina/Catamarca America/Argentina/ComodRivadavia
 America/Argentina/Cordoba America/Argentina/Jujuy America/Argentina/La_Rioja
 America/Argentina/Mendoza America/Argentina/Rio_Gallegos America/Argentina/Salta
 America/Argentina/San_Juan America/Argentina/San_Luis America/Argentina/Tucuman
 America/Argentina/Ushuaia America/Buenos_Aires America/Catamarca America/Cordoba America/Jujuy
 America/Mendoza America/Rosario
AST|ADT|AT|Arabian Standard Time|Arabian Daylight Time|Arabian Time
 Asia/Baghdad
AST||AT|Arabian Standard Time||Arabian Time
 Asia/Aden Asia/Bahrain Asia/Kuwait Asia/Qatar Asia/Riyadh
AWST|AWDT|AWT|Australian Western Standard Time|Australian Western Daylight Time|Western Australia Time
 Australia/Perth Australia/West
AWST||AWT|Casey Time||Australian Western Time
 Antarctica/Casey
AZOT|AZOST||Azores Standard Time|Azores Summer Time|Azores Time
 Atlantic/Azores
AZT|AZST||Azerbaijan Standard Time|Azerbaijan Summer Time|Azerbaijan Time
 Asia/Baku
BDT|BDST||Bangladesh Standard Time|Bangladesh Summer Time|Bangladesh Time
 Asia/Dacca Asia/Dhaka
BNT|BNST||Brunei Darussalam Time|Brunei Summer Time|Brunei Time
 Asia/Brunei
BOT|BOST||Bolivia Time|Bolivia Summer Time|
 America/La_Paz
BRT|BRST||Brasilia Standard Time|Brasilia Summer Time|Brasilia Time
 America/Araguaina America/Bahia America/Belem America/Fortaleza America/Maceio America/Recife
 America/Santarem America/Sao_Paulo Brazil/East
BST||BT|Bougainville Standard Time||Bougainville Time
 Pacific/Bougainville
BTT|||Bhutan Time||
 Asia/Thimbu Asia/Thimphu
CAT|CAST||Central Africa Time|Central African Summer Time|
 Africa/Juba Africa/Khartoum
CAT|WAT||Central Africa Time|Western African Time|Central African Time
 Africa/Windhoek
CAT|||Central Africa Time||
 Africa/Blantyre Africa/Bujumbura Africa/Gaborone Africa/Harare Africa/Kigali Africa/Lubumbashi
 Africa/Lusaka Africa/Maputo
CCT|||Cocos Islands Time||
 Indian/Cocos
CET|CEST||Central European Standard Time|Central European Summer Time|Central European Time
 Africa/Algiers Africa/Ceuta Africa/Tunis Arctic/Longyearbyen Atlantic/Jan_Mayen Europe/Amsterdam
 Europe/Andorra Europe/Belgrade Europe/Berlin Europe/Bratislava Europe/Brussels Europe/Budapest
 Europe/Busingen Europe/Copenhagen Europe/Gibraltar Europe/Ljubljana Europe/Luxembourg
 Europe/Madrid Europe/Malta Europe/Monaco Europe/Oslo Europe/Paris Europe/Podgorica Europe/Prague
 Europe/Rome Europe/San_Marino Europe/Sarajevo Europe/Skopje Europe/Stockholm Europe/Tirane
 Europe/Vaduz Europe/Vatican Europe/Vienna Europe/Warsaw Europe/Zagreb Europe/Zurich Poland
CET|CEST||Central European Time|Central European Summer Time|
 CET
CHAST|CHADT|CHAT|Chatham Standard Time|Chatham Daylight Time|Chatham Time
 NZ-CHAT Pacific/Chatham
CHOT|CHOST||Ulaanbaatar Standard Time|Ulaanbaatar Summer Time|Ulaanbaatar Time
 Asia/Choibalsan
CHUT|||Chuuk Time||
 Pacific/Chuuk Pacific/Truk Pacific/Yap
CKT|CKHST||Cook Islands Standard Time|Cook Islands Half Summer Time|Cook Islands Time
 Pacific/Rarotonga
CLT|CLST||Chile Standard Time|Chile Summer Time|Chile Time
 America/Santiago Chile/Continental
CLT|CLST||Chile Time|Chile Summer Time|
 Antarctica/Palmer
COT|COST||Colombia Standard Time|Colombia Summer Time|Colombia Time
 America/Bogota
CST|CDT|CT|China Standard Time|China Daylight Time|China Time
 Asia/Chongqing Asia/Chungking Asia/Harbin Asia/Macao Asia/Macau Asia/Shanghai PRC
CST|CDT|CT|Cuba Standard Time|Cuba Daylight Time|Cuba Time
 America/Havana Cuba
CST|CDT|CT|Taipei Standard Time|Taipei Daylight Time|Taipei Time
 Asia/Taipei
CVT|CVST||Cape Verde Standard Time|Cape Verde Summer Time|Cape Verde Time
 Atlantic/Cape_Verde
CXT||CIT|Christmas Island Time||
 Indian/Christmas
ChST|ChDT|ChT|Chamorro Standard Time|Chamorro Daylight Time|Chamorro Time
 Pacific/Guam Pacific/Saipan
DAVT|||Davis Time||
 Antarctica/Davis
DDUT|||Dumont-d’Urville Time||Dumont-d'Urville Time
 Antarctica/DumontDUrville
EAST|EASST||Easter Island Standard Time|Easter Island Summer Time|Easter Island Time
 Chile/EasterIsland Pacific/Easter
EAT|||East Africa Time||Eastern Africa Time
 Africa/Addis_Ababa Africa/Asmara Africa/Asmera Africa/Dar_es_Salaam Africa/Djibouti
 Africa/Kampala Africa/Mogadishu Africa/Nairobi Indian/Antananarivo Indian/Comoro Indian/Mayotte
ECT|ECST||Ecuador Time|Ecuador Summer Time|
 America/Guayaquil
EET|EEST||Eastern European Standard Time|Eastern European Summer Time|Eastern European Time
 Africa/Cairo Africa/Tripoli Asia/Amman Asia/Beirut Asia/Damascus Asia/Gaza Asia/Hebron
 Asia/Nicosia Egypt Europe/Athens Europe/Bucharest Europe/Chisinau Europe/Helsinki
 Europe/Kaliningrad Europe/Kiev Europe/Kyiv Europe/Mariehamn Europe/Nicosia Europe/Riga
 Europe/Sofia Europe/Tallinn Europe/Tiraspol Europe/Uzhgorod Europe/Vilnius Europe/Zaporozhye
 Libya
EET|EEST||Eastern European Time|Eastern European Summer Time|
 Asia/Famagusta EET
EGT|EGST||East Greenland Standard Time|East Greenland Summer Time|East Greenland Time
 America/Scoresbysund
FJT|FJST||Fiji Standard Time|Fiji Summer Time|Fiji Time
 Pacific/Fiji
FKT|FKST||Falkland Islands Standard Time|Falkland Islands Summer Time|Falkland Islands Time
 Atlantic/Stanley
FNT|FNST||Fernando de Noronha Standard Time|Fernando de Noronha Summer Time|Fernando de Noronha Time
 America/Noronha Brazil/DeNoronha
GALT|GALST||Galapagos Time|Galapagos Summer Time|
 Pacific/Galapagos
GAMT|||Gambier Time||
 Pacific/Gambier
GET|GEST||Georgia Standard Time|Georgia Summer Time|Georgia Time
 Asia/Tbilisi
GFT|||French Guiana Time||
 America/Cayenne
GILT|||Gilbert Islands Time||Gilbert Is. Time
 Pacific/Tarawa
GMT+04:00|||Astrakhan Standard Time||Astrakhan Time
 Europe/Astrakhan
GMT+04:00|||Saratov Standard Time||Saratov Time
 Europe/Saratov
GMT+04:00|||Ulyanovsk Standard Time||Ulyanovsk Time
 Europe/Ulyanovsk
GMT+05:00|||West Kazakhstan Time|Atyrau Daylight Time|Atyrau Time
 Asia/Atyrau
GMT+07:00|||Barnaul Standard Time|Barnaul Daylight Time|Barnaul Time
 Asia/Barnaul
GMT+07:00|||Tomsk Standard Time|Tomsk Daylight Time|Tomsk Time
 Asia/Tomsk
GMT+13:00|||Kanton Standard Time||Kanton Time
 Pacific/Kanton
GMT-03:00|||Punta Arenas Standard Time||Punta Arenas Time
 America/Punta_Arenas
GMT|BST|BT|Greenwich Mean Time|British Summer Time|British Time
 Europe/Belfast Europe/Guernsey Europe/Isle_of_Man Europe/Jersey Europe/London GB GB-Eire
GMT|CEST|ATT|Greenwich Mean Time|Central European Summer Time|Troll Time
 Antarctica/Troll
GMT|IST|IT|Greenwich Mean Time|Irish Standard Time|Irish Time
 Eire Europe/Dublin
GMT|||Greenwich Mean Time||
 Africa/Abidjan Africa/Bamako Africa/Banjul Africa/Bissau Africa/Conakry Africa/Dakar
 Africa/Freetown Africa/Lome Africa/Monrovia Africa/Nouakchott Africa/Ouagadougou Africa/Sao_Tome
 Africa/Timbuktu America/Danmarkshavn Atlantic/Reykjavik Atlantic/St_Helena Etc/GMT Etc/GMT+0
 Etc/GMT-0 Etc/GMT0 Etc/Greenwich GMT GMT0 Greenwich Iceland
GMT|||Greenwich Mean Time||Ghana Mean Time
 Africa/Accra
GST||GT|Gulf Standard Time||Gulf Time
 Asia/Dubai Asia/Muscat
GST||GT|South Georgia Time||
 Atlantic/South_Georgia
GYT|||Guyana Time||
 America/Guyana
HKT|HKST||Hong Kong Standard Time|Hong Kong Summer Time|Hong Kong Time
 Asia/Hong_Kong Hongkong
HOVT|HOVST||Hovd Standard Time|Hovd Summer Time|Hovd Time
 Asia/Hovd
ICT|||Indochina Time||
 Asia/Bangkok Asia/Ho_Chi_Minh Asia/Phnom_Penh Asia/Saigon Asia/Vientiane
IOT|||Indian Ocean Time||Indian Ocean Territory Time
 Indian/Chagos
IRKT|IRKST||Irkutsk Standard Time|Irkutsk Summer Time|Irkutsk Time
 Asia/Irkutsk
IRST|IRDT|IRT|Iran Standard Time|Iran Daylight Time|Iran Time
 Asia/Tehran Iran
IST|IDT|IT|India Standard Time|India Daylight Time|India Time
 Asia/Calcutta Asia/Colombo Asia/Kolkata
IST|IDT|IT|Israel Standard Time|Israel Daylight Time|Israel Time
 Asia/Jerusalem Asia/Tel_Aviv Israel
JST|JDT|JT|Japan Standard Time|Japan Daylight Time|Japan Time
 Asia/Tokyo Japan
KGT|KGST||Kyrgyzstan Time|Kirgizstan Summer Time|Kirgizstan Time
 Asia/Bishkek
KOST|||Kosrae Time||
 Pacific/Kosrae
KRAT|KRAST||Krasnoyarsk Standard Time|Krasnoyarsk Summer Time|Krasnoyarsk Time
 Asia/Krasnoyarsk Asia/Novokuznetsk
KST|KDT|KT|Korean Standard Time|Korean Daylight Time|Korean Time
 Asia/Seoul ROK
KST||KT|Korean Standard Time||Korean Time
 Asia/Pyongyang
LHST|LHDT|LHT|Lord Howe Standard Time|Lord Howe Daylight Time|Lord Howe Time
 Australia/LHI Australia/Lord_Howe
LINT|||Line Islands Time||Line Is. Time
 Pacific/Kiritimati
MAGT|MAGST||Magadan Standard Time|Magadan Summer Time|Magadan Time
 Asia/Magadan
MART|||Marquesas Time||
 Pacific/Marquesas
MAWT|||Mawson Time||
 Antarctica/Mawson
MET|MEST||Middle Europe Time|Middle Europe Summer Time|
 MET
MHT|||Marshall Islands Time||
 Kwajalein Pacific/Kwajalein Pacific/Majuro
MMT|||Myanmar Time||
 Asia/Rangoon Asia/Yangon
MSK|MSD|MT|Moscow Standard Time|Moscow Daylight Time|Moscow Time
 Europe/Kirov
MSK|MSD|MT|Moscow Standard Time|Moscow Summer Time|Moscow Time
 Europe/Minsk Europe/Moscow Europe/Simferopol W-SU
MSK|MSD|MT|Volgograd Standard Time|Volgograd Summer Time|Volgograd Time
 Europe/Volgograd
MST|MDT|MT|Mexican Pacific Standard Time|Mexican Pacific Daylight Time|Mexican Pacific Time
 America/Hermosillo America/Mazatlan Mexico/BajaSur
MUT|MUST||Mauritius Standard Time|Mauritius Summer Time|Mauritius Time
 Indian/Mauritius
MVT|||Maldives Time||
 Indian/Maldives
MYT|MYST||Malaysia Time|Malaysia Summer Time|
 Asia/Kuching
MYT|||Malaysia Time||
 Asia/Kuala_Lumpur
NCT|NCST||New Caledonia Standard Time|New Caledonia Summer Time|New Caledonia Time
 Pacific/Noumea
NFT|NFST||Norfolk Island Standard Time|Norfolk Island Daylight Time|Norfolk Island Time
 Pacific/Norfolk
NOVT|NOVST||Novosibirsk Standard Time|Novosibirsk Summer Time|Novosibirsk Time
 Asia/Novosibirsk
NPT|||Nepal Time||
 Asia/Kathmandu Asia/Katmandu
NRT|||Nauru Time||
 Pacific/Nauru
NST|NDT|NT|Newfoundland Standard Time|Newfoundland Daylight Time|Newfoundland Time
 America/St_Johns Canada/Newfoundland
NUT|||Niue Time||
 Pacific/Niue
NZST|NZDT|NZT|New Zealand Standard Time|New Zealand Daylight Time|New Zealand Time
 Antarctica/McMurdo Antarctica/South_Pole NZ Pacific/Auckland
OMST|OMSST||Omsk Standard Time|Omsk Summer Time|Omsk Time
 Asia/Omsk
ORAT|ORAST||West Kazakhstan Time|Oral Summer Time|Oral Time
 Asia/Oral
PETT|PETST||Petropavlovsk-Kamchatski Standard Time|Petropavlovsk-Kamchatski Summer Time|Petropavlovsk-Kamchatski Time
 Asia/Kamchatka
PET|PEST||Peru Standard Time|Peru Summer Time|Peru Time
 America/Lima
PGT|||Papua New Guinea Time||
 Pacific/Port_Moresby
PHOT|||Phoenix Islands Time||Phoenix Is. Time
 Pacific/Enderbury
PKT|PKST||Pakistan Standard Time|Pakistan Summer Time|Pakistan Time
 Asia/Karachi
PMST|PMDT|PMT|St. Pierre & Miquelon Standard Time|St. Pierre & Miquelon Daylight Time|St. Pierre & Miquelon Time
 America/Miquelon
PONT|||Ponape Time||
 Pacific/Pohnpei Pacific/Ponape
PST|PDT|PT|Northwest Mexico Standard Time|Northwest Mexico Daylight Time|Northwest Mexico Time
 America/Santa_Isabel
PST|PDT|PT|Philippine Standard Time|Philippine Summer Time|Philippine Time
 Asia/Manila
PST||PT|Pitcairn Time||
 Pacific/Pitcairn
PST|||Pitcairn Time||
 SystemV/PST8
PWT|||Palau Time||
 Pacific/Palau
PYT|PYST||Paraguay Standard Time|Paraguay Summer Time|Paraguay Time
 America/Asuncion
QOST|QOSST||East Kazakhstan Time|Kostanay Summer Time|Kostanay Time
 Asia/Qostanay
QYZT|QYZST||West Kazakhstan Time|Qyzylorda Summer Time|Qyzylorda Time
 Asia/Qyzylorda
RET|||Réunion Time||Reunion Time
 Indian/Reunion
ROTT|||Rothera Time||
 Antarctica/Rothera
SAKT|SAKST||Sakhalin Standard Time|Sakhalin Summer Time|Sakhalin Time
 Asia/Sakhalin
SAMT|SAMST||Samara Standard Time|Samara Summer Time|Samara Time
 Europe/Samara
SAST||SAT|South Africa Standard Time|South Africa Summer Time|South Africa Time
 Africa/Johannesburg Africa/Maseru Africa/Mbabane
SBT|||Solomon Islands Time||Solomon Is. Time
 Pacific/Guadalcanal
SCT|||Seychelles Time||
 Indian/Mahe
SGT|||Singapore Standard Time||Singapore Time
 Asia/Singapore Singapore
SRET|SREDT||Srednekolymsk Time|Srednekolymsk Daylight Time|
 Asia/Srednekolymsk
SRT|||Suriname Time||
 America/Paramaribo
SST||ST|Samoa Standard Time||Samoa Time
 Pacific/Midway Pacific/Pago_Pago Pacific/Samoa US/Samoa
SYOT|||Syowa Time||
 Antarctica/Syowa
TAHT|||Tahiti Time||
 Pacific/Tahiti
TFT|||French Southern & Antarctic Time||French Southern & Antarctic Lands Time
 Indian/Kerguelen
TJT|TJST||Tajikistan Time|Tajikistan Summer Time|
 Asia/Dushanbe
TKT|||Tokelau Time||
 Pacific/Fakaofo
TLT|||East Timor Time||Timor-Leste Time
 Asia/Dili
TMT|TMST||Turkmenistan Standard Time|Turkmenistan Summer Time|Turkmenistan Time
 Asia/Ashgabat Asia/Ashkhabad
TOT|TOST||Tonga Standard Time|Tonga Summer Time|Tonga Time
 Pacific/Tongatapu
TRT|TRST||Turkey Time|Turkey Summer Time|
 Asia/Istanbul Europe/Istanbul Turkey
TVT|||Tuvalu Time||
 Pacific/Funafuti
ULAT|ULAST||Ulaanbaatar Standard Time|Ulaanbaatar Summer Time|Ulaanbaatar Time
 Asia/Ulaanbaatar Asia/Ulan_Bator
UTC|||Coordinated Universal Time||
 Etc/UCT Etc/UTC Etc/Universal Etc/Zulu UCT UTC Universal Zulu
UYT|UYST||Uruguay Standard Time|Uruguay Summer Time|Uruguay Time
 America/Montevideo
UZT|UZST||Uzbekistan Standard Time|Uzbekistan Summer Time|Uzbekistan Time
 Asia/Samarkand Asia/Tashkent
VET|||Venezuela Time||
 America/Caracas
VLAT|VLAST||Vladivostok Standard Time|Vladivostok Summer Time|Vladivostok Time
 Asia/Ust-Nera Asia/Vladivostok
VOST|||Vostok Time||
 Antarctica/Vostok
VUT|VUST||Vanuatu Standard Time|Vanuatu Summer Time|Vanuatu Time
 Pacific/Efate
WAKT|||Wake Island Time||Wake Time
 Pacific/Wake
WAT|WAST||West Africa Standard Time|West Africa Summer Time|West Africa Time
 Africa/Ndjamena
WAT|||West Africa Standard Time||West Africa Time
 Africa/Bangui Africa/Brazzaville Africa/Douala Africa/Kinshasa Africa/Lagos Africa/Libreville
 Africa/Luanda Africa/Malabo Africa/Niamey Africa/Porto-Novo
WET|WEST||Western European Standard Time|Western European Summer Time|Western European Time
 Atlantic/Canary Atlantic/Faeroe Atlantic/Faroe Atlantic/Madeira Europe/Lisbon Portugal
WET|WEST||Western European Time|Western European Summer Time|
 Africa/Casablanca Africa/El_Aaiun WET
WFT|||Wallis & Futuna Time||
 Pacific/Wallis
WGT|WGST||West Greenland Standard Time|West Greenland Summer Time|West Greenland Time
 America/Godthab America/Nuuk
WIB|||Western Indonesia Time||West Indonesia Time
 Asia/Jakarta Asia/Pontianak
WITA|||Central Indonesia Time||
 Asia/Makassar Asia/Ujung_Pandang
WIT|||Eastern Indonesia Time||East Indonesia Time
 Asia/Jayapura
WSST|WSDT|WST|Apia Standard Time|Apia Daylight Time|Apia Time
 Pacific/Apia
XJT|||Xinjiang Standard Time||Xinjiang Time
 Asia/Kashgar Asia/Urumqi
YAKT|YAKST||Yakutsk Standard Time|Yakutsk Summer Time|Yakutsk Time
 Asia/Chita Asia/Khandyga Asia/Yakutsk
YEKT|YEKST||Yekaterinburg Standard Time|Yekaterinburg Summer Time|Yekaterinburg Time
 Asia/Yekaterinburg";

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_found_and_gaps_are_filled() {
        let names = Names::find("America/New_York").unwrap();
        assert_eq!(names.short, ["EST", "EDT", "ET"]);
        assert!(names.is_american);
        let names = Names::find("Asia/Dubai").unwrap();
        assert_eq!(names.short, ["GST", "GST", "GT"]);
        assert_eq!(
            names.long,
            ["Gulf Standard Time", "Gulf Standard Time", "Gulf Time"]
        );
        assert!(!names.is_american);
        assert_eq!(Names::find("Etc/GMT-5"), None);
        assert_eq!(Names::find(""), None);
    }

    #[test]
    fn every_line_of_the_table_can_be_read_and_no_zone_is_listed_twice() {
        let mut ids = HashSet::new();
        for line in NAMES.lines() {
            match line.strip_prefix(' ') {
                Some(listed) => assert!(listed.split(' ').all(|id| ids.insert(id)), "{line}"),
                None => assert!(Names::read(line).is_some(), "{line}"),
            }
        }
        assert!(ids.len() > 570, "{}", ids.len());
    }
}
