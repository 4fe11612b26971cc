//! The rules, as a function from sources to findings.
//!
//! Tokens are read, not lines. A name that a parent module re-exports counts as the parent's.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use proc_macro2::Delimiter;
use proc_macro2::Group;
use proc_macro2::TokenStream;
use proc_macro2::TokenTree;

/// The rank of each top-level module. A module names only modules of a lower rank.
const RANKS: &[(&str, u8)] = &[
    ("log4j2", 5),
    ("pattern", 5),
    ("kafka", 4),
    ("file", 4),
    ("memory", 4),
    ("filter", 4),
    ("layer", 3),
    ("worker", 3),
    ("layout", 2),
    ("queue", 2),
    ("event", 1),
    ("config", 1),
    ("error", 0),
    ("stats", 0),
    ("sys", 0),
];

/// The rank of `lib.rs`, which names whom it wants and is named by nobody.
const LIB_RANK: u8 = 6;

/// The only home of code that names the `rskafka` crate.
const WIRE: &str = "src/kafka/wire";

/// The only home of code that starts threads: what it starts leaves signals to the application.
const STARTER: &str = "src/sys.rs";

/// What one file may hold before it does two jobs.
pub(crate) const MAX_LINES: usize = 600;

/// Everything that breaks a rule in these `(path, text)` pairs, one line each.
pub(crate) fn findings(sources: &[(&str, &str)]) -> Vec<String> {
    let mut found = Vec::new();
    let mut scans = Vec::new();
    for (path, text) in sources {
        found.extend(shape(path, text));
        match text.parse::<TokenStream>() {
            Ok(tokens) => {
                let mut scan = Scan::new(path);
                scan.walk(tokens, &module_of(path), false);
                scans.push(scan);
            }
            Err(error) => found.push(format!("{path}: does not tokenise: {error}")),
        }
    }
    let modules: BTreeSet<_> = scans.iter().flat_map(|scan| &scan.modules).collect();
    let for_tests: Vec<_> = scans.iter().flat_map(|scan| &scan.test_modules).collect();
    let is_test = |module: &[String]| for_tests.iter().any(|test| module.starts_with(test));

    found.extend(unranked(&modules, &is_test));
    let mut edges = Edges::new();
    for scan in &scans {
        found.extend(scan.faults.iter().cloned());
        let starts = scan.starts.iter();
        found.extend(
            starts
                .filter(|(module, _)| !is_test(module))
                .map(|(_, fault)| fault.clone()),
        );
        for reach in &scan.reaches {
            if reach.in_test || is_test(&reach.from) {
                continue;
            }
            match arrow(reach, &modules) {
                Arrow::Within => {}
                Arrow::Forbidden(why) => found.push(why),
                Arrow::Sibling { folder, from, to } => {
                    let nodes: &mut BTreeMap<_, _> = edges.entry(folder).or_default();
                    let targets: &mut BTreeMap<_, _> = nodes.entry(from).or_default();
                    targets.entry(to).or_insert_with(|| reach.place.clone());
                }
            }
        }
    }
    for (folder, graph) in &edges {
        found.extend(cycle(folder, graph));
    }
    found
}

/// The rules that need no tokens: a module doc on the first line, and a bounded length.
fn shape(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !text.starts_with("//!") {
        found.push(format!("{path}:1: the first line is no `//!` module doc"));
    }
    let lines = text.lines().count();
    if lines > MAX_LINES {
        found.push(format!(
            "{path}: {lines} lines, more than {MAX_LINES}: split it by job"
        ));
    }
    found
}

/// Top-level modules that the rank table does not know.
fn unranked(modules: &BTreeSet<&Vec<String>>, is_test: &impl Fn(&[String]) -> bool) -> Vec<String> {
    modules
        .iter()
        .filter(|module| module.len() == 1 && !is_test(module) && rank(&module[0]).is_none())
        .map(|module| {
            format!(
                "`{}` has no rank: give it one in DESIGN.md §4 and in RANKS",
                module[0]
            )
        })
        .collect()
}

fn rank(module: &str) -> Option<u8> {
    RANKS
        .iter()
        .find(|(name, _)| *name == module)
        .map(|(_, rank)| *rank)
}

/// `src/kafka/wire.rs` is `[kafka, wire]`, `src/lib.rs` is `[]`.
fn module_of(path: &str) -> Vec<String> {
    let inner = path.strip_prefix("src/").unwrap_or(path);
    let inner = inner.strip_suffix(".rs").unwrap_or(inner);
    let mut parts: Vec<_> = inner.split('/').map(str::to_owned).collect();
    if parts
        .last()
        .is_some_and(|last| last == "lib" || last == "mod")
    {
        parts.pop();
    }
    parts
}

/// One path of this crate that the code names, resolved to segments from the root.
struct Reach {
    from: Vec<String>,
    target: Vec<String>,
    in_test: bool,
    /// File, line and the path as written, for messages.
    place: String,
}

/// What one file holds.
struct Scan<'a> {
    path: &'a str,
    modules: Vec<Vec<String>>,
    test_modules: Vec<Vec<String>>,
    reaches: Vec<Reach>,
    faults: Vec<String>,
    /// Where threads are started, with the module that does.
    starts: Vec<(Vec<String>, String)>,
}

impl<'a> Scan<'a> {
    fn new(path: &'a str) -> Self {
        let module = module_of(path);
        Self {
            path,
            modules: if module.is_empty() {
                Vec::new()
            } else {
                vec![module]
            },
            test_modules: Vec::new(),
            reaches: Vec::new(),
            faults: Vec::new(),
            starts: Vec::new(),
        }
    }

    /// Reads the tokens of one module, or of a group inside it, in order.
    fn walk(&mut self, tokens: TokenStream, module: &[String], in_test: bool) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut test_item = false;
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let next = tokens.get(at + 1);
            match token {
                TokenTree::Punct(mark) if mark.as_char() == '#' => {
                    test_item |= next.and_then(group).is_some_and(is_test_attribute);
                }
                TokenTree::Punct(mark) if mark.as_char() == ';' => test_item = false,
                TokenTree::Group(inner) => {
                    self.walk(inner.stream(), module, in_test);
                    if inner.delimiter() == Delimiter::Brace {
                        test_item = false;
                    }
                }
                TokenTree::Ident(word) if word == "mod" => {
                    at = self.module(&tokens, at, module, in_test, test_item);
                    test_item = false;
                    continue;
                }
                TokenTree::Ident(word) if word == "use" => {
                    let end = tokens
                        .iter()
                        .skip(at)
                        .position(|token| is_mark(Some(token), ';'))
                        .map_or(tokens.len(), |length| at + length);
                    // `use<'a>` in a bound captures lifetimes and imports nothing.
                    if !is_mark(next, '<') {
                        self.import(&tokens[at + 1..end], module, in_test);
                        for index in at..end {
                            self.start(&tokens, index, module, in_test || test_item);
                        }
                        at = end;
                        continue;
                    }
                }
                TokenTree::Ident(_) => {
                    self.foreign(token);
                    self.start(&tokens, at, module, in_test);
                    if let Some((segments, end)) = own_path(&tokens, at) {
                        self.reach(token, &segments, module, in_test);
                        at = end;
                        continue;
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// Reads `mod name { … }` or `mod name;` and returns where to go on.
    fn module(
        &mut self,
        tokens: &[TokenTree],
        at: usize,
        module: &[String],
        in_test: bool,
        test_item: bool,
    ) -> usize {
        let Some(TokenTree::Ident(name)) = tokens.get(at + 1) else {
            return at + 1;
        };
        let mut inner = module.to_vec();
        inner.push(name.to_string());
        if in_test || test_item {
            self.test_modules.push(inner.clone());
        }
        match tokens.get(at + 2).and_then(group) {
            Some(body) if body.delimiter() == Delimiter::Brace => {
                self.modules.push(inner.clone());
                self.walk(body.stream(), &inner, in_test || test_item);
                at + 3
            }
            _ => at + 2,
        }
    }

    /// Reads what stands between `use` and `;`.
    fn import(&mut self, tokens: &[TokenTree], module: &[String], in_test: bool) {
        let Some(first) = tokens.iter().find(|token| !is_mark(Some(token), '$')) else {
            return;
        };
        let mut paths = Vec::new();
        leaves(tokens, &[], &mut paths);
        for path in &paths {
            if path.first().is_some_and(|head| is_own(head)) {
                self.reach(first, path, module, in_test);
            }
        }
        flatten(tokens, &mut |token| self.foreign(token));
        let own = matches!(first, TokenTree::Ident(word) if is_own(&word.to_string()));
        if own && tokens.iter().any(|token| group(token).is_some()) {
            self.faults.push(format!(
                "{}: braces in a `use` of this crate: one path per line, so that the arrows can be read",
                self.place(first)
            ));
        }
    }

    fn reach(&mut self, token: &TokenTree, segments: &[String], module: &[String], in_test: bool) {
        if segments.iter().filter(|word| *word == "super").count() > 1 {
            self.faults.push(format!(
                "{}: `{}` goes up twice: begin with `crate`, so that the arrow can be read",
                self.place(token),
                segments.join("::")
            ));
        }
        let mut target = match segments.first().map(String::as_str) {
            Some("crate") => Vec::new(),
            _ => module.to_vec(),
        };
        for segment in segments {
            match segment.as_str() {
                "crate" | "self" => {}
                "super" => {
                    target.pop();
                }
                name => target.push(name.to_owned()),
            }
        }
        self.reaches.push(Reach {
            from: module.to_vec(),
            target,
            in_test,
            place: format!("{}: `{}`", self.place(token), segments.join("::")),
        });
    }

    /// `rskafka` is named in one folder only, tests included.
    fn foreign(&mut self, token: &TokenTree) {
        let home = self.path.strip_prefix(WIRE);
        let at_home = home.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'));
        if !at_home && matches!(token, TokenTree::Ident(word) if word == "rskafka") {
            self.faults.push(format!(
                "{}: `rskafka` is named outside {WIRE}/",
                self.place(token)
            ));
        }
    }

    /// `thread::Builder` and what else starts a thread, or brings it in.
    fn start(&mut self, tokens: &[TokenTree], at: usize, module: &[String], in_test: bool) {
        let is_thread = matches!(&tokens[at], TokenTree::Ident(word) if word == "thread");
        if !is_thread || in_test || self.path == STARTER {
            return;
        }
        if !(is_mark(tokens.get(at + 1), ':') && is_mark(tokens.get(at + 2), ':')) {
            return;
        }
        let names = match tokens.get(at + 3) {
            Some(TokenTree::Group(group)) => group.stream().into_iter().collect(),
            Some(token) => vec![token.clone()],
            None => Vec::new(),
        };
        let starts = |token: &TokenTree| {
            let name = token.to_string();
            matches!(name.as_str(), "Builder" | "spawn" | "scope" | "*")
        };
        if names.iter().any(starts) {
            let place = self.place(&tokens[at]);
            let fault = format!("{place}: a thread is started outside {STARTER}: `start_thread`");
            self.starts.push((module.to_vec(), fault));
        }
    }

    fn place(&self, token: &TokenTree) -> String {
        format!("{}:{}", self.path, token.span().start().line)
    }
}

/// The path that starts at a token if it is one of this crate, and the index behind it.
///
/// A lone `crate`, `self` or `super` (`pub(super)`, `self.queue`) is none.
fn own_path(tokens: &[TokenTree], start: usize) -> Option<(Vec<String>, usize)> {
    let mut segments = Vec::new();
    let mut at = start;
    while let Some(TokenTree::Ident(word)) = tokens.get(at) {
        segments.push(word.to_string());
        at += 1;
        if !(is_mark(tokens.get(at), ':') && is_mark(tokens.get(at + 1), ':')) {
            break;
        }
        at += 2;
    }
    (segments.len() > 1 && is_own(&segments[0])).then_some((segments, at))
}

/// Every path of a `use` tree, braces opened, `*` and `as …` left off.
fn leaves(tokens: &[TokenTree], prefix: &[String], into: &mut Vec<Vec<String>>) {
    for branch in tokens.split(|token| is_mark(Some(token), ',')) {
        let mut path = prefix.to_vec();
        let mut opened = false;
        for token in branch {
            match token {
                TokenTree::Ident(word) if word == "as" => break,
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Group(inner) => {
                    let inner: Vec<_> = inner.stream().into_iter().collect();
                    leaves(&inner, &path, into);
                    opened = true;
                }
                _ => {}
            }
        }
        if !opened && path.len() > prefix.len() {
            into.push(path);
        }
    }
}

fn flatten(tokens: &[TokenTree], visit: &mut impl FnMut(&TokenTree)) {
    for token in tokens {
        visit(token);
        if let TokenTree::Group(inner) = token {
            flatten(&inner.stream().into_iter().collect::<Vec<_>>(), visit);
        }
    }
}

/// Whether a path that begins with this word leads into this crate.
fn is_own(word: &str) -> bool {
    matches!(word, "crate" | "self" | "super")
}

/// Whether `[cfg(…)]` compiles the item for tests only.
fn is_test_attribute(attribute: &Group) -> bool {
    let text = attribute
        .stream()
        .to_string()
        .replace(char::is_whitespace, "");
    text == "cfg(test)" || text == "cfg(doctest)" || text.starts_with("cfg(all(test,")
}

fn is_mark(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(mark)) if mark.as_char() == wanted)
}

fn group(token: &TokenTree) -> Option<&Group> {
    match token {
        TokenTree::Group(group) => Some(group),
        _ => None,
    }
}

/// What a path means for the architecture.
enum Arrow {
    /// Into itself, a parent or a child: allowed.
    Within,
    /// From one module of a folder to another: allowed as long as there is no way back.
    Sibling {
        folder: Vec<String>,
        from: String,
        to: String,
    },
    Forbidden(String),
}

fn arrow(reach: &Reach, modules: &BTreeSet<&Vec<String>>) -> Arrow {
    let Reach {
        from,
        target,
        place,
        ..
    } = reach;
    let Some(own) = from.first() else {
        return Arrow::Within;
    };
    // The module reached is the longest known beginning; what follows is an item in it.
    let depth = (0..=target.len())
        .rev()
        .find(|depth| match &target[..*depth] {
            [top] if rank(top).is_some() => true,
            path => modules.contains(&path.to_vec()),
        })
        .unwrap_or(0);
    let target = &target[..depth];
    let own_rank = rank(own);
    let Some(other) = target.first() else {
        return Arrow::Forbidden(format!(
            "{place} climbs from `{own}` to an item of lib.rs (rank {LIB_RANK}): name the module it comes from"
        ));
    };
    if own != other {
        return match (own_rank, rank(other)) {
            (Some(here), Some(there)) if there > here => Arrow::Forbidden(format!(
                "{place} climbs from `{own}` (rank {here}) to `{other}` (rank {there})"
            )),
            (Some(here), Some(there)) if there == here => Arrow::Forbidden(format!(
                "{place} goes sideways from `{own}` to `{other}` (both rank {here})"
            )),
            // A module without a rank is a finding of its own.
            _ => Arrow::Within,
        };
    }
    let shared = from.iter().zip(target).take_while(|(a, b)| a == b).count();
    match (from.get(shared), target.get(shared)) {
        (Some(here), Some(there)) => Arrow::Sibling {
            folder: target[..shared].to_vec(),
            from: here.clone(),
            to: there.clone(),
        },
        _ => Arrow::Within,
    }
}

/// Who names whom inside one folder, and one place where it does.
type Graph = BTreeMap<String, BTreeMap<String, String>>;

/// The graph of each folder.
type Edges = BTreeMap<Vec<String>, Graph>;

/// A ring of sibling modules, if there is one, with the places that close it.
fn cycle(folder: &[String], graph: &Graph) -> Option<String> {
    let mut done = BTreeSet::new();
    let mut way = Vec::new();
    let ring = graph
        .keys()
        .find_map(|node| ring_from(node, graph, &mut way, &mut done))?;
    let mut text = format!(
        "modules of `{}` name each other in a ring: {}",
        folder.join("::"),
        ring.join(" -> ")
    );
    for pair in ring.windows(2) {
        let place = &graph[&pair[0]][&pair[1]];
        write!(text, "\n    {} -> {}: {place}", pair[0], pair[1]).expect("a String grows");
    }
    Some(text)
}

fn ring_from(
    node: &str,
    graph: &Graph,
    way: &mut Vec<String>,
    done: &mut BTreeSet<String>,
) -> Option<Vec<String>> {
    if let Some(start) = way.iter().position(|seen| seen == node) {
        let mut ring = way[start..].to_vec();
        ring.push(node.to_owned());
        return Some(ring);
    }
    if !done.insert(node.to_owned()) {
        return None;
    }
    way.push(node.to_owned());
    let found = graph
        .get(node)
        .into_iter()
        .flat_map(BTreeMap::keys)
        .find_map(|next| ring_from(next, graph, way, done));
    way.pop();
    found
}
