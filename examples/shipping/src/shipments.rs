//! The backend's own business. Whoever gets here may.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use mandate_client::Permitted;
use tonic::{Request, Response, Status};

use crate::v1::shipping_service_server::ShippingService;
use crate::v1::{BookRequest, BookResponse, ListRequest, ListResponse, Shipment};

/// Shipments by account.
#[derive(Debug, Default)]
pub struct Shipments {
    by_account: Mutex<BTreeMap<String, Vec<Shipment>>>,
}

#[tonic::async_trait]
impl ShippingService for Shipments {
    async fn book(&self, request: Request<BookRequest>) -> Result<Response<BookResponse>, Status> {
        let account = account(&request)?;
        let BookRequest { destination } = request.into_inner();
        if destination.is_empty() {
            return Err(Status::invalid_argument("destination: is required"));
        }
        let mut shipments = self.by_account.lock().unwrap_or_else(PoisonError::into_inner);
        let shipments = shipments.entry(account).or_default();
        let number = u64::try_from(shipments.len()).unwrap_or(u64::MAX).saturating_add(1);
        let shipment = Shipment { number, destination };
        shipments.push(shipment.clone());
        Ok(Response::new(BookResponse { shipment: Some(shipment) }))
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListResponse>, Status> {
        let account = account(&request)?;
        let shipments = self.by_account.lock().unwrap_or_else(PoisonError::into_inner);
        let shipments = shipments.get(&account).cloned().unwrap_or_default();
        Ok(Response::new(ListResponse { shipments }))
    }
}

/// The account that Mandate was asked about: no other one is ever touched.
fn account<T>(request: &Request<T>) -> Result<String, Status> {
    let permitted = request.extensions().get::<Permitted>();
    let permitted = permitted.ok_or_else(|| Status::internal("a call came past the guard"))?;
    Ok(permitted.on.account_id().to_owned())
}
