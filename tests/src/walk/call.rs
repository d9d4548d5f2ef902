//! Calls that know no message: bytes in, bytes out.

use prost::Message as _;
use prost::bytes::{Buf, BufMut};
use prost_types::FileDescriptorSet;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::expect;

/// Every RPC of `mandate.v1`, as HTTP/2 carries it (`/package.Service/Method`), sorted.
pub fn rpcs() -> Vec<String> {
    let set = FileDescriptorSet::decode(mandate_proto::FILE_DESCRIPTOR_SET).expect("the descriptor set");
    let files = set.file.iter().filter(|file| file.package() == "mandate.v1");
    let services = files.flat_map(|file| file.service.iter().map(move |service| (file.package(), service)));
    let methods = services.flat_map(|(package, service)| {
        service.method.iter().map(move |method| format!("/{package}.{}/{}", service.name(), method.name()))
    });
    let mut rpcs: Vec<String> = methods.collect();
    rpcs.sort();
    rpcs
}

/// What a call came to.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It was answered.
    Answered(Vec<u8>),
    /// It was refused.
    Refused(Box<Status>),
}

impl Outcome {
    /// `ok`, or the refusal's reason.
    pub fn word(&self) -> String {
        match self {
            Self::Answered(_) => "ok".to_owned(),
            Self::Refused(status) => expect::reason(status),
        }
    }

    /// Everything that the caller can see of it.
    pub fn seen(&self) -> String {
        match self {
            Self::Answered(bytes) => format!("{bytes:?}"),
            Self::Refused(status) => {
                format!("{:?} {:?} {:?}", status.code(), status.message(), status.details())
            }
        }
    }
}

/// Calls an RPC with the bytes of its message and this `authorization` header.
pub async fn call(channel: &Channel, path: &str, message: Vec<u8>, authorization: Option<&str>) -> Outcome {
    let mut request = Request::new(message);
    if let Some(header) = authorization {
        request.metadata_mut().insert("authorization", header.parse().expect("fits into a header"));
    }
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.expect("the server is there");
    let goes_on = is_a_stream(path);
    let path: PathAndQuery = path.parse().expect("the path of an RPC");
    let answer = if goes_on {
        // The first message tells enough; some streams have no last one.
        let stream = grpc.server_streaming(request, path, Bytes).await;
        match stream {
            Ok(stream) => stream.into_inner().message().await.map(Option::unwrap_or_default),
            Err(status) => Err(status),
        }
    } else {
        grpc.unary(request, path, Bytes).await.map(tonic::Response::into_inner)
    };
    match answer {
        Ok(answer) => Outcome::Answered(answer),
        Err(status) => Outcome::Refused(Box::new(status)),
    }
}

fn is_a_stream(path: &str) -> bool {
    let set = FileDescriptorSet::decode(mandate_proto::FILE_DESCRIPTOR_SET).expect("the descriptor set");
    let services = set.file.iter().flat_map(|file| file.service.iter().map(move |service| (file, service)));
    let mut methods = services.flat_map(|(file, service)| {
        service.method.iter().map(move |method| {
            (format!("/{}.{}/{}", file.package(), service.name(), method.name()), method.server_streaming())
        })
    });
    methods.any(|(name, streams)| streams && name == path)
}

/// Messages as they are.
#[derive(Debug, Clone, Copy, Default)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, target: &mut EncodeBuf<'_>) -> Result<(), Status> {
        target.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut bytes = vec![0; source.remaining()];
        source.copy_to_slice(&mut bytes);
        Ok(Some(bytes))
    }
}
