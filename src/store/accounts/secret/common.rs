//! Passwords that everybody tries first, of eight bytes and more; shorter ones are refused for that. In lower case, and without
//! what people put behind them: digits and signs at the end are looked at apart.

/// Whether `password`, in lower case, is one of them, as it is or without digits and signs at its end.
pub(super) fn is_common(password: &str) -> bool {
    let is_tail = |c: char| !c.is_alphabetic();
    let stem = password.trim_end_matches(is_tail);
    COMMON.contains(&password) || STEMS.contains(&stem)
}

/// Words to which digits and signs are put.
const STEMS: [&str; 52] = [
    "password",
    "passwort",
    "passw0rd",
    "p@ssw0rd",
    "p@ssword",
    "pa$$word",
    "pass",
    "qwerty",
    "qwertz",
    "azerty",
    "qwertyuiop",
    "qwertyui",
    "asdf",
    "asdfgh",
    "asdfghjk",
    "asdfghjkl",
    "zxcvbnm",
    "letmein",
    "welcome",
    "welcometo",
    "admin",
    "administrator",
    "root",
    "test",
    "testtest",
    "testing",
    "changeme",
    "change-me",
    "default",
    "secret",
    "guest",
    "user",
    "login",
    "iloveyou",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "superman",
    "batman",
    "starwars",
    "trustno",
    "dragon",
    "monkey",
    "shadow",
    "master",
    "michael",
    "computer",
    "internet",
    "whatever",
    "gencomm",
    "abc",
];

/// Passwords as they stand.
const COMMON: [&str; 56] = [
    "1q2w3e4r",
    "1q2w3e4r5t",
    "1q2w3e4r5t6y",
    "1qaz2wsx",
    "1qaz2wsx3edc",
    "1qazxsw2",
    "zaq12wsx",
    "zaq1zaq1",
    "q1w2e3r4",
    "q1w2e3r4t5",
    "qazwsxedc",
    "qweasdzxc",
    "qwer1234",
    "asdf1234",
    "abcd1234",
    "1234abcd",
    "1234qwer",
    "123qweasd",
    "123qwe123",
    "123123123",
    "12341234",
    "11223344",
    "1122334455",
    "11112222",
    "12121212",
    "13131313",
    "69696969",
    "10203040",
    "147258369",
    "159357456",
    "789456123",
    "741852963",
    "963852741",
    "123454321",
    "12345679",
    "88888888a",
    "a1b2c3d4",
    "a1s2d3f4",
    "aa123456",
    "aa12345678",
    "123456aa",
    "123456abc",
    "123456789a",
    "1a2b3c4d",
    "a123456789",
    "q123456789",
    "password1password",
    "adminadmin",
    "passpass",
    "qwerty12345",
    "trustnoone",
    "correcthorsebatterystaple",
    "correct horse battery staple",
    "mustermann",
    "letmeinnow",
    "opensesame",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_found_with_what_people_put_behind() {
        for bad in [
            "password",
            "password1",
            "password!!2024",
            "qwerty123456",
            "1q2w3e4r",
            "gencomm2026",
        ] {
            assert!(is_common(bad), "{bad}");
        }
        for good in [
            "passwordless-is-fine",
            "xqwerty-z",
            "1q2w3e4rz",
            "tuesday rain on tin",
        ] {
            assert!(!is_common(good), "{good}");
        }
    }

    #[test]
    fn each_stands_there_once_and_as_it_is_compared() {
        let all: Vec<&str> = STEMS.iter().chain(&COMMON).copied().collect();
        let once: std::collections::HashSet<&str> = all.iter().copied().collect();
        assert_eq!(once.len(), all.len());
        assert!(all.iter().all(|word| *word == word.to_lowercase()));
        assert!(STEMS.iter().all(|stem| stem.ends_with(char::is_alphabetic)));
        assert!(
            COMMON
                .iter()
                .all(|word| word.len() >= super::super::password::BYTES_MIN)
        );
    }
}
