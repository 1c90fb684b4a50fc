//! A set of people in one column.

use std::{collections::BTreeSet, fmt, str::FromStr};

use sea_orm::DeriveValueType;

use super::PersonId;

/// A set of people, kept as text such as `,3,17,`: sorted, so that equal sets are equal texts, and with a
/// comma on both sides of each key, so that SQL finds one with `LIKE '%,17,%'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, DeriveValueType)]
#[sea_orm(value_type = "String")]
pub struct People(BTreeSet<PersonId>);

impl People {
    /// The set with somebody more.
    #[must_use]
    pub fn with(mut self, more: impl IntoIterator<Item = PersonId>) -> Self {
        self.0.extend(more);
        self
    }

    /// Whoever is in it, by key.
    pub fn iter(&self) -> impl Iterator<Item = PersonId> {
        self.0.iter().copied()
    }

    /// What the column is like where somebody is in the set.
    #[must_use]
    pub fn pattern(person: PersonId) -> String {
        format!("%,{},%", person.0)
    }
}

impl FromIterator<PersonId> for People {
    fn from_iter<I: IntoIterator<Item = PersonId>>(people: I) -> Self {
        Self(people.into_iter().collect())
    }
}

impl fmt::Display for People {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(",")?;
        self.0.iter().try_for_each(|person| write!(f, "{},", person.0))
    }
}

impl FromStr for People {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',').filter(|key| !key.is_empty()).map(|key| key.parse().map(PersonId)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_sorted_text_and_back() {
        let people: People = [PersonId(17), PersonId(3), PersonId(17)].into_iter().collect();
        assert_eq!(people.to_string(), ",3,17,");
        assert_eq!(",3,17,".parse(), Ok(people));
        assert_eq!(People::default().to_string(), ",");
        assert_eq!(",".parse(), Ok(People::default()));
        assert!(",3,x,".parse::<People>().is_err());
    }
}
