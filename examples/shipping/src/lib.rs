//! A little backend that is guarded by Mandate. It knows nothing of roles: it says which permission each of its calls
//! needs, and Mandate says who has it.
//!
//! A call passes two layers before it reaches [`shipments`]:
//!
//! 1. [`session`] finds out who calls, from the caller's own token;
//! 2. `mandate.require("shipments.book")` asks whether they may, in the account that the call's metadata names.

pub mod session;
pub mod shipments;

/// The messages and the service of `shipping.v1`.
pub mod v1 {
    #![allow(missing_docs)]
    #![allow(clippy::all)]
    tonic::include_proto!("shipping.v1");
}

use std::future::Future;

use mandate_client::Client;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tower::Layer as _;

use self::session::SessionLayer;
use self::shipments::Shipments;
use self::v1::shipping_service_server::ShippingServiceServer;

/// Answers calls until `stop` is there.
///
/// # Errors
/// The transport's.
pub async fn serve(
    listener: TcpListener,
    mandate: Client,
    stop: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let shipping = ShippingServiceServer::new(Shipments::default());
    // The guard: the one line by which nobody books who may not.
    let shipping = mandate.require("shipments.book").for_method("List", "shipments.view").layer(shipping);
    Server::builder()
        .layer(SessionLayer::new(mandate))
        .add_service(shipping)
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), stop)
        .await
}
