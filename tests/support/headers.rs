/// The header fields of a response, in the order they came, duplicates included.
#[derive(Clone, Debug, Default)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// Parses the lines between the status line and the empty line.
    ///
    /// # Panics
    ///
    /// When a line is no header field.
    pub fn parse<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        let fields = lines.map(|line| {
            let (name, value) = line
                .split_once(':')
                .unwrap_or_else(|| panic!("header {line:?}"));
            (name.to_owned(), value.trim().to_owned())
        });
        Self(fields.collect())
    }

    /// Returns the value of a field, or `None` when it did not come.
    ///
    /// # Panics
    ///
    /// When the field came more than once.
    pub fn get(&self, name: &str) -> Option<&str> {
        match self.all(name)[..] {
            [] => None,
            [value] => Some(value),
            ref values => panic!("one {name} expected: {values:?}"),
        }
    }

    /// Returns every value of a field, in order.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let fields = self
            .0
            .iter()
            .filter(|(field, _)| field.eq_ignore_ascii_case(name));
        fields.map(|(_, value)| &**value).collect()
    }

    /// Returns whether a field came.
    pub fn contains(&self, name: &str) -> bool {
        !self.all(name).is_empty()
    }

    /// Returns the elements of a field that is a comma-separated list, sorted.
    pub fn list(&self, name: &str) -> Vec<String> {
        let elements = self
            .all(name)
            .into_iter()
            .flat_map(|value| value.split(','));
        let mut elements: Vec<_> = elements.map(|element| element.trim().to_owned()).collect();
        elements.sort_unstable();
        elements
    }

    /// Returns the names of all fields in lower case, sorted, duplicates included.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self
            .0
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase())
            .collect();
        names.sort_unstable();
        names
    }
}
