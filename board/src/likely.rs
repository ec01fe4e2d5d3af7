//! What a user may have meant by a name that is not there.

/// The names that are like one that is not there, the likeliest first; three at most.
pub fn likely<'n>(wanted: &str, names: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
    let wanted = wanted.to_ascii_lowercase();
    // A board goes by its name in front of `/` as well.
    let likeness = |name: &str| {
        let name = name.to_ascii_lowercase();
        let front = name.split('/').next().unwrap_or_default();
        strsim::jaro_winkler(&wanted, &name).max(strsim::jaro_winkler(&wanted, front))
    };
    let mut close: Vec<(f64, &str)> = (names.into_iter())
        .map(|name| (likeness(name), name))
        .filter(|(likeness, _)| *likeness > 0.85)
        .collect();
    close.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    close.into_iter().take(3).map(|(_, name)| name).collect()
}

/// `a, b or c`.
pub fn one_of(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [name] => (*name).to_owned(),
        [names @ .., last] => format!("{} or {last}", names.join(", ")),
    }
}
