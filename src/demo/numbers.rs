//! Identification numbers: made up, unique, with valid check digits.

/// How many different SIREN numbers [`siren`] knows.
const SIRENS: u64 = 60_000_000;

/// The SIREN number of the `n`-th company: nine digits, the last one Luhn's.
pub(super) fn siren(n: u64) -> String {
    // The factor has no divisor in common with the range: different companies get different numbers.
    let body = 30_000_000 + (n * 7_919_311) % SIRENS;
    with_check_digit(&format!("{body:08}"))
}

/// The SIRET number of a company's `n`-th site: its SIREN, five digits, the last one Luhn's.
pub(super) fn siret(siren: &str, n: u64) -> String {
    with_check_digit(&format!("{siren}{:04}", n + 1))
}

/// The `n`-th number in the register of insurance intermediaries: the year of registration, six digits.
pub(super) fn orias(n: u64) -> String {
    format!("{:02}{:06}", 7 + n % 18, (n * 37 + 1_234) % 1_000_000)
}

/// A telephone number that is kept free for fiction, in the area of a department.
pub(super) fn phone(department: &str, n: u64) -> String {
    let area = match department {
        "75" | "77" | "78" | "91" | "92" | "93" | "94" | "95" => "01 99 00",
        "14" | "18" | "22" | "27" | "28" | "29" | "35" | "36" | "37" | "41" | "44" | "45" | "49" | "50" | "53"
        | "56" | "61" | "72" | "76" | "85" => "02 61 91",
        "02" | "08" | "10" | "21" | "25" | "39" | "51" | "52" | "54" | "55" | "57" | "58" | "59" | "60" | "62"
        | "67" | "68" | "70" | "71" | "80" | "88" | "89" | "90" => "03 53 01",
        "09" | "12" | "16" | "17" | "19" | "23" | "24" | "31" | "32" | "33" | "40" | "46" | "47" | "64" | "65"
        | "79" | "81" | "82" | "86" | "87" => "05 36 49",
        _ => "04 65 71",
    };
    format!("{area} {:02} {:02}", n / 100 % 100, n % 100)
}

/// A mobile number that is kept free for fiction.
pub(super) fn mobile(n: u64) -> String {
    format!("06 39 98 {:02} {:02}", n / 100 % 100, n % 100)
}

fn with_check_digit(digits: &str) -> String {
    // Seen from the right, the check digit is the first; so the digit beside it counts twice.
    let sum: u32 = digits.bytes().rev().enumerate().map(|(place, digit)| weighed(digit, place % 2 == 0)).sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

fn weighed(digit: u8, twice: bool) -> u32 {
    let value = u32::from(digit - b'0');
    match (twice, value * 2) {
        (false, _) => value,
        (true, double) if double > 9 => double - 9,
        (true, double) => double,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn passes_luhn(number: &str) -> bool {
        let sum: u32 = number.bytes().rev().enumerate().map(|(place, digit)| weighed(digit, place % 2 == 1)).sum();
        sum.is_multiple_of(10)
    }

    #[test]
    fn check_digits_are_the_official_ones() {
        // INSEE's own numbers.
        assert_eq!(with_check_digit("12002701"), "120027016");
        assert_eq!(with_check_digit("1200270160056"), "12002701600563");
    }

    #[test]
    fn numbers_are_valid_and_different() {
        let (mut sirens, mut oriases) = (HashSet::new(), HashSet::new());
        for n in 0..40_000 {
            let siren = siren(n);
            assert!(siren.len() == 9 && passes_luhn(&siren), "{siren}");
            let siret = siret(&siren, n % 3);
            assert!(siret.len() == 14 && passes_luhn(&siret), "{siret}");
            assert!(orias(n).len() == 8 && oriases.insert(orias(n)));
            assert!(sirens.insert(siren));
        }
    }
}
