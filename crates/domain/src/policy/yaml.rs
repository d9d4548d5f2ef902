//! A YAML file as a tree of nodes that know their place: policies, and what else people write for this service.
//!
//! Only what these need of YAML 1.2: maps with plain keys, lists, scalars, anchors. Which type a
//! scalar has is decided by the place that reads it, so that `on` or `no` is never surprisingly a boolean.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

/// Most bytes of a file.
pub const MAX_BYTES: usize = 256 * 1024;
/// Deepest nesting: the language of policies needs nine levels.
const MAX_DEPTH: usize = 24;
/// Most nodes after aliases are replaced by what they stand for.
const MAX_NODES: usize = 100_000;
/// Most bytes of words and paths, with what aliases stand for: many times what a file of [`MAX_BYTES`] has that people wrote.
const MAX_EXPANDED: usize = 16 * 1024 * 1024;

/// Where something stands: line and column, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl Position {
    fn of(marker: &Marker) -> Self {
        Self { line: marker.line().max(1), column: marker.col() + 1 }
    }

    /// Just behind the last thing that a text says: no line begins after it.
    fn end_of(source: &str) -> Self {
        let (mut at, mut end) = (Self { line: 1, column: 1 }, Self { line: 1, column: 1 });
        let mut letters = source.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '\r' if letters.peek() == Some(&'\n') => {}
                '\r' | '\n' => at = Self { line: at.line + 1, column: 1 },
                _ => {
                    at.column += 1;
                    end = at;
                }
            }
        }
        end
    }
}

/// A node of the document.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it stands; a collection under a key stands where its key does.
    pub at: Position,
    /// How it is reached from the top: `roles.admin.may[2]`.
    pub path: String,
    /// What it holds.
    pub content: Content,
}

/// What a node holds.
#[derive(Debug, Clone)]
pub enum Content {
    /// Nothing was written.
    Nothing,
    /// One word, whatever it spells.
    Scalar(String),
    /// Several, in order.
    List(Vec<Node>),
    /// Several under keys, in the order of the file.
    Map(Vec<(Key, Node)>),
}

/// The key of an entry of a map.
#[derive(Debug, Clone)]
pub struct Key {
    /// How it is spelled.
    pub text: String,
    /// Where it stands.
    pub at: Position,
}

/// Something that keeps the text from being read as a tree.
#[derive(Debug)]
pub struct Fault {
    /// Where it stands.
    pub at: Position,
    /// The path of the node, if it has one.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl Fault {
    fn new(at: Position, message: impl Into<String>) -> Self {
        Self { at, path: String::new(), message: message.into() }
    }
}

/// Reads the one document of a text. A fault of the YAML itself ends the reading; faults of single
/// nodes (a key given twice, a tag) are collected and the tree goes without them.
pub fn read(source: &str) -> (Option<Node>, Vec<Fault>) {
    let mut builder = Builder::default();
    if source.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; it may have {MAX_BYTES}", source.len());
        return (None, vec![Fault::new(Position { line: 1, column: 1 }, message)]);
    }
    if let Err(fault) = builder.build(source) {
        builder.faults.push(fault);
        return (None, builder.faults);
    }
    let mut root = builder.root.take();
    // INVARIANT: what paths take is counted before they are written: each has all keys above it.
    if let Some(node) = &root
        && paths(node, 0) > MAX_EXPANDED
    {
        builder
            .faults
            .push(Fault::new(node.at, "so much stands under keys so long that it cannot be told apart"));
        return (None, builder.faults);
    }
    if let Some(root) = &mut root {
        place(root, String::new(), &mut builder.faults);
    }
    (root, builder.faults)
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    /// The bytes of words, those of aliases included.
    bytes: usize,
    root: Option<Node>,
    faults: Vec<Fault>,
}

/// A collection that has begun and not ended.
struct Open {
    anchor: usize,
    node: Node,
    key: Option<Key>,
}

impl Builder {
    /// Pulls events instead of letting the parser recurse: its recursion knows no depth limit.
    fn build(&mut self, source: &str) -> Result<(), Fault> {
        let mut parser = Parser::new_from_str(source);
        // Where a text breaks off, the parser is on a line that is not there any more.
        let end = Position::end_of(source);
        let mut documents = 0;
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| {
                let at = Position::of(error.marker());
                let broken_off = if at > end { "it ends in the middle: " } else { "" };
                Fault::new(at.min(end), format!("this is not YAML: {broken_off}{}", error.info()))
            })?;
            let at = Position::of(&span.start).min(end);
            if matches!(event, Event::DocumentStart(_)) {
                documents += 1;
                if documents > 1 {
                    return Err(Fault::new(at, "a file holds one document"));
                }
            }
            self.take(event, at)?;
        }
        Ok(())
    }

    fn take(&mut self, event: Event<'_>, at: Position) -> Result<(), Fault> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), at);
                let plain = style == ScalarStyle::Plain;
                let nothing = plain && matches!(text.as_ref(), "" | "~" | "null");
                let content = if nothing { Content::Nothing } else { Content::Scalar(text.into_owned()) };
                self.bytes += bytes(&content);
                self.close(Node { at, path: String::new(), content }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), at);
                self.open(anchor, at, Content::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), at);
                self.open(anchor, at, Content::Map(Vec::new()))
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.close(open.node, open.anchor),
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(node) => {
                    // INVARIANT: what aliases expand to is counted before it is copied, so that memory stays bounded.
                    self.nodes += size(node);
                    self.bytes += bytes(&node.content);
                    self.fits(at)?;
                    let node = node.clone();
                    self.close(node, 0)
                }
                None => Err(Fault::new(at, "the alias stands for nothing that was written before it")),
            },
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, at: Position) {
        if tag.is_some() {
            self.faults.push(Fault::new(at, "tags have no meaning here; leave it out"));
        }
    }

    fn open(&mut self, anchor: usize, at: Position, content: Content) -> Result<(), Fault> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Fault::new(at, format!("this is nested more than {MAX_DEPTH} levels deep")));
        }
        self.open.push(Open { anchor, node: Node { at, path: String::new(), content }, key: None });
        Ok(())
    }

    fn fits(&self, at: Position) -> Result<(), Fault> {
        if self.nodes > MAX_NODES {
            return Err(Fault::new(at, format!("with its aliases the file has more than {MAX_NODES} nodes")));
        }
        if self.bytes > MAX_EXPANDED {
            return Err(Fault::new(
                at,
                format!("with its aliases the file has more than {MAX_EXPANDED} bytes"),
            ));
        }
        Ok(())
    }

    fn close(&mut self, node: Node, anchor: usize) -> Result<(), Fault> {
        self.nodes += 1;
        self.fits(node.at)?;
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match (&mut open.node.content, open.key.take()) {
            (Content::Map(entries), Some(key)) => entries.push((key, node)),
            (Content::Map(_), None) => match node.content {
                Content::Scalar(text) => open.key = Some(Key { text, at: node.at }),
                Content::Nothing => open.key = Some(Key { text: String::new(), at: node.at }),
                Content::List(_) | Content::Map(_) => {
                    return Err(Fault::new(node.at, "a key is a name, not a list or map"));
                }
            },
            (Content::List(items), _) => items.push(node),
            (Content::Nothing | Content::Scalar(_), _) => {}
        }
        Ok(())
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.content {
        Content::Nothing | Content::Scalar(_) => 0,
        Content::List(items) => items.iter().map(size).sum(),
        Content::Map(entries) => entries.iter().map(|(_, value)| size(value)).sum(),
    }
}

/// The bytes of the words in a node, keys included.
fn bytes(content: &Content) -> usize {
    match content {
        Content::Nothing => 0,
        Content::Scalar(text) => text.len(),
        Content::List(items) => items.iter().map(|item| bytes(&item.content)).sum(),
        Content::Map(entries) => {
            entries.iter().map(|(key, value)| key.text.len() + bytes(&value.content)).sum()
        }
    }
}

/// About how many bytes the paths of a node and of all below it take, if its own takes `above`.
fn paths(node: &Node, above: usize) -> usize {
    // A dot, or an index in brackets.
    const STEP: usize = 4;
    above
        + match &node.content {
            Content::Nothing | Content::Scalar(_) => 0,
            Content::List(items) => items.iter().map(|item| paths(item, above + STEP)).sum(),
            Content::Map(entries) => {
                entries.iter().map(|(key, value)| paths(value, above + STEP + key.text.len())).sum()
            }
        }
}

/// Tells every node its path, and drops entries whose key was given before.
fn place(node: &mut Node, path: String, faults: &mut Vec<Fault>) {
    match &mut node.content {
        Content::Nothing | Content::Scalar(_) => {}
        Content::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                place(item, format!("{path}[{index}]"), faults);
            }
        }
        Content::Map(entries) => {
            let mut first: HashMap<String, usize> = HashMap::new();
            entries.retain_mut(|(key, value)| {
                let path = join(&path, &key.text);
                if let Some(line) = first.get(&key.text) {
                    let message = format!("`{}` is given twice; the first is on line {line}", key.text);
                    faults.push(Fault { at: key.at, path, message });
                    return false;
                }
                first.insert(key.text.clone(), key.at.line);
                if !matches!(value.content, Content::Scalar(_)) {
                    value.at = key.at;
                }
                place(value, path, faults);
                true
            });
        }
    }
    node.path = path;
}

/// The path of what stands under a key.
pub fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_breaks_off_is_at_fault_where_it_ends() {
        for (source, line, column) in
            [("[[[", 1, 4), ("a: 1\r\nb: [1,\r\n", 2, 7), ("a: {b: 1\n\n\n", 1, 9), ("[1,\r2", 2, 2)]
        {
            let (root, faults) = read(source);
            let [Fault { at, message, .. }] = faults.as_slice() else { panic!("{faults:?}") };
            assert!(root.is_none() && message.starts_with("this is not YAML: "), "{source:?}: {message}");
            assert_eq!(*at, Position { line, column }, "{source:?}: {message}");
        }
    }

    /// Aliases of long words, and paths below long keys, take more room than the file has.
    #[test]
    fn a_tree_cannot_outgrow_its_file() {
        let word = "x".repeat(2_000);
        let aliases = format!("a: &a {word}\nb: [{}]\n", vec!["*a"; 9_000].join(","));
        let key = "k".repeat(60_000);
        let paths = format!("{key}: [{}]\n", vec!["1"; 9_000].join(","));
        for source in [aliases, paths] {
            assert!(source.len() < MAX_BYTES);
            let (root, faults) = read(&source);
            assert!(root.is_none() && faults.len() == 1, "{faults:?}");
        }
        let few = format!("a: &a {word}\nb: [*a, *a]\n");
        assert!(matches!(read(&few), (Some(_), faults) if faults.is_empty()));
    }
}
