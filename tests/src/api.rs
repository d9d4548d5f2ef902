//! API.md: every service, RPC, message and field, out of the comments of the protos.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use mandate_proto::FILE_DESCRIPTOR_SET;
use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    ServiceDescriptorProto,
};

const HEAD: &str = "# The API

<!-- Made of the comments in proto/mandate/v1; a test compares, and writes it anew with INSTA_UPDATE=always. -->

The package is `mandate.v1`; its files are in [proto/mandate/v1](proto/mandate/v1). Every call but those of signing in carries
`authorization: Bearer TOKEN`. A refusal carries a `google.rpc.ErrorInfo` whose `reason` is one of [ErrorReason](#errorreason), and says which
fields are bad in a `google.rpc.BadRequest`. Fields are optional unless they say that they are required; limits stand where a field is described.
";

/// What the numbers of descriptor.proto mean in a path of comments.
mod step {
    pub(super) const MESSAGES: i32 = 4;
    pub(super) const ENUMS: i32 = 5;
    pub(super) const SERVICES: i32 = 6;
    pub(super) const FIELDS: i32 = 2;
    pub(super) const NESTED: i32 = 3;
    pub(super) const NESTED_ENUMS: i32 = 4;
    pub(super) const ONEOFS: i32 = 8;
    pub(super) const VALUES: i32 = 2;
    pub(super) const METHODS: i32 = 2;
}

/// The comments of one file, by where they stand.
type Comments = BTreeMap<Vec<i32>, String>;

/// A message and where it is.
struct Described<'d> {
    /// Without the package: `WatchedUser.GroupSeat`.
    name: String,
    message: &'d DescriptorProto,
    comments: &'d Comments,
    path: Vec<i32>,
}

/// The page, and everything that has no comment.
pub fn page() -> (String, Vec<String>) {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("the descriptor set");
    let files: Vec<_> = set.file.iter().filter(|file| file.package() == "mandate.v1").collect();
    let comments: Vec<Comments> = files.iter().map(|file| comments(file)).collect();
    let mut page = Page { text: HEAD.to_owned(), silent: Vec::new() };

    let mut messages = BTreeMap::new();
    let mut enums = BTreeMap::new();
    for (file, comments) in files.iter().zip(&comments) {
        for (message, index) in file.message_type.iter().zip(0..) {
            let path = vec![step::MESSAGES, index];
            collect(
                Described { name: message.name().to_owned(), message, comments, path },
                &mut messages,
                &mut enums,
            );
        }
        for (one, index) in file.enum_type.iter().zip(0..) {
            enums.insert(one.name().to_owned(), (one, comments, vec![step::ENUMS, index]));
        }
    }
    let mut shown = BTreeSet::new();
    let mut services: Vec<_> = files
        .iter()
        .zip(&comments)
        .flat_map(|(file, comments)| {
            file.service
                .iter()
                .zip(0..)
                .map(move |(service, index)| (service, comments, vec![step::SERVICES, index]))
        })
        .collect();
    services.sort_by_key(|(service, _, _)| service.name());
    for (service, comments, path) in &services {
        page.service(service, comments, path, &messages, &mut shown);
    }
    page.text.push_str("\n## Messages\n\nWhat requests and answers are made of, by name.\n");
    for described in messages.values().filter(|described| !shown.contains(&described.name)) {
        page.message(described, "###");
    }
    page.text.push_str("\n## Enumerations\n");
    for (name, (one, comments, path)) in &enums {
        page.enumeration(name, one, comments, path);
    }
    (page.text, page.silent)
}

type Messages<'d> = BTreeMap<String, Described<'d>>;
type Enums<'d> = BTreeMap<String, (&'d EnumDescriptorProto, &'d Comments, Vec<i32>)>;

fn collect<'d>(described: Described<'d>, messages: &mut Messages<'d>, enums: &mut Enums<'d>) {
    let Described { name, message, comments, path } = &described;
    let (message, comments) = (*message, *comments);
    for (nested, index) in message.nested_type.iter().zip(0..) {
        // A map is told with its field.
        if !nested.options.as_ref().is_some_and(|options| options.map_entry()) {
            let path = [path.as_slice(), &[step::NESTED, index]].concat();
            let name = format!("{name}.{}", nested.name());
            collect(Described { name, message: nested, comments, path }, messages, enums);
        }
    }
    for (one, index) in message.enum_type.iter().zip(0..) {
        let path = [path.as_slice(), &[step::NESTED_ENUMS, index]].concat();
        enums.insert(format!("{name}.{}", one.name()), (one, comments, path));
    }
    messages.insert(name.clone(), described);
}

struct Page {
    text: String,
    silent: Vec<String>,
}

impl Page {
    fn service(
        &mut self,
        service: &ServiceDescriptorProto,
        comments: &Comments,
        path: &[i32],
        messages: &Messages<'_>,
        shown: &mut BTreeSet<String>,
    ) {
        let about = self.comment(comments, path, service.name());
        let _ = write!(self.text, "\n## {}\n\n{about}\n", service.name());
        for (method, index) in service.method.iter().zip(0..) {
            let name = format!("{}.{}", service.name(), method.name());
            let about = self.comment(comments, &[path, &[step::METHODS, index]].concat(), &name);
            let way = match (method.client_streaming(), method.server_streaming()) {
                (false, false) => "",
                (false, true) => " It answers with a stream.",
                (true, false) => " It takes a stream.",
                (true, true) => " It takes a stream and answers with one.",
            };
            let _ = write!(
                self.text,
                "\n### {name}\n\n`/mandate.v1.{}/{}`.{way}\n\n{about}\n",
                service.name(),
                method.name()
            );
            for part in [method.input_type(), method.output_type()] {
                if let Some(described) = messages.get(own(part))
                    && shown.insert(described.name.clone())
                {
                    self.message(described, "####");
                }
            }
        }
    }

    fn message(&mut self, described: &Described<'_>, heading: &str) {
        let Described { name, message, comments, path } = described;
        let about = self.comment(comments, path, name);
        let _ = write!(self.text, "\n{heading} {name}\n\n{about}\n");
        if message.field.is_empty() {
            return;
        }
        self.text.push_str("\n| field | type | meaning |\n| --- | --- | --- |\n");
        for (field, index) in message.field.iter().zip(0..) {
            let place = [path.as_slice(), &[step::FIELDS, index]].concat();
            let about = self.comment(comments, &place, &format!("{name}.{}", field.name()));
            let choice = field.oneof_index.filter(|_| !field.proto3_optional()).and_then(|index| {
                let oneof = message.oneof_decl.get(usize::try_from(index).ok()?)?;
                let about = comments.get(&[path.as_slice(), &[step::ONEOFS, index]].concat());
                let about = about.map(|about| format!(" {about}")).unwrap_or_default();
                Some(format!("One of `{}`.{about}<br>", oneof.name()))
            });
            let secret = if SECRET.contains(&field.name()) { " Secret." } else { "" };
            let row = format!("{}{about}{secret}", choice.unwrap_or_default());
            let kind = kind(message, field);
            let _ =
                writeln!(self.text, "| `{}` = {} | {kind} | {} |", field.name(), field.number(), cell(&row));
        }
    }

    fn enumeration(&mut self, name: &str, one: &EnumDescriptorProto, comments: &Comments, path: &[i32]) {
        let about = self.comment(comments, path, name);
        let _ = write!(self.text, "\n### {name}\n\n{about}\n\n| value | meaning |\n| --- | --- |\n");
        for (value, index) in one.value.iter().zip(0..) {
            let about = self.comment(comments, &[path, &[step::VALUES, index]].concat(), value.name());
            let _ = writeln!(self.text, "| `{}` = {} | {} |", value.name(), value.number(), cell(&about));
        }
    }

    fn comment(&mut self, comments: &Comments, path: &[i32], name: &str) -> String {
        comments.get(path).cloned().unwrap_or_else(|| {
            self.silent.push(name.to_owned());
            String::new()
        })
    }
}

/// Fields that the protos mark `debug_redact`, which prost's descriptors leave out.
const SECRET: &[&str] =
    &["password", "old_password", "new_password", "token", "access_token", "refresh_token"];

fn comments(file: &FileDescriptorProto) -> Comments {
    let locations = file.source_code_info.iter().flat_map(|info| &info.location);
    let told =
        locations.filter_map(|location| Some((location.path.clone(), location.leading_comments.as_ref()?)));
    told.map(|(path, text)| {
        (path, text.lines().map(str::trim).collect::<Vec<_>>().join("\n").trim().to_owned())
    })
    .collect()
}

fn kind(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let entry = message.nested_type.iter().find(|nested| {
        nested.options.as_ref().is_some_and(|options| options.map_entry())
            && field.type_name().ends_with(&format!(".{}.{}", message.name(), nested.name()))
    });
    if let Some([key, value]) = entry.map(|entry| entry.field.as_slice()) {
        return format!("map of {} to {}", kind(message, key), kind(message, value));
    }
    let one = match field.r#type() {
        Type::Message | Type::Enum => link(field.type_name()),
        other => format!("`{}`", other.as_str_name().trim_start_matches("TYPE_").to_lowercase()),
    };
    match (field.label(), field.proto3_optional()) {
        (Label::Repeated, _) => format!("list of {one}"),
        (_, true) => format!("{one}, or nothing"),
        _ => one,
    }
}

fn own(name: &str) -> &str {
    name.strip_prefix(".mandate.v1.").unwrap_or_default()
}

fn link(name: &str) -> String {
    match own(name) {
        "" => format!("`{}`", name.trim_start_matches('.')),
        // As headings are turned into anchors.
        own => format!("[{own}](#{})", own.to_lowercase().replace('.', "")),
    }
}

/// A text in one cell of a table.
fn cell(text: &str) -> String {
    text.replace("\n\n", "<br>").replace('\n', " ").replace('|', "\\|")
}
