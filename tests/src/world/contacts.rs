//! Calls about contacts and the resources they hold, and about ownership, in few words.

use mandate_proto::v1::{
    Account, Contact, CreateContactRequest, CreateResourceRequest, DeleteAccountRequest,
    DeleteContactRequest, GetContactRequest, ListContactsRequest, Member, ReinstateAccountRequest, Resource,
    ResourceRef, SuspendAccountRequest, TransferOwnershipRequest, UndeleteAccountRequest,
    UpdateContactRequest, UpdateResourceRequest, User,
};
use prost_types::FieldMask;
use tonic::Status;

use super::{Party, Question, World, names};

impl World {
    /// The question whether a contact may do something, asked by a backend. Await it for the verdict.
    pub fn may_contact(&self, contact: &Contact, account: &Account, permission: &str) -> Question {
        Question::new(self.service(&["authz.check"]), &account.id, "", permission).about(&contact.id)
    }
}

/// The request to create a contact whose address is their name's.
pub fn contact_named(account: &Account, name: &str) -> CreateContactRequest {
    CreateContactRequest {
        account: account.id.clone(),
        email: format!("{}@customer.example", name.to_lowercase()),
        display_name: name.to_owned(),
        details: String::new(),
        ..Default::default()
    }
}

fn mask(path: &str) -> Option<FieldMask> {
    Some(FieldMask { paths: vec![path.to_owned()] })
}

/// Contacts.
impl Party {
    /// Makes a contact known.
    pub async fn create_contact(&self, account: &Account, name: &str) -> Result<Contact, Status> {
        let answer = self.memberships().create_contact(contact_named(account, name)).await?.into_inner();
        Ok(answer.contact.expect("the new contact"))
    }

    /// One contact.
    pub async fn contact(&self, account: &Account, contact: &Contact) -> Result<Contact, Status> {
        let request = GetContactRequest { account: account.id.clone(), contact: contact.id.clone() };
        let answer = self.memberships().get_contact(request).await?.into_inner();
        Ok(answer.contact.expect("the contact"))
    }

    /// The first page of contacts.
    pub async fn contacts(&self, account: &Account) -> Result<Vec<Contact>, Status> {
        let request = ListContactsRequest { account: account.id.clone(), ..Default::default() };
        Ok(self.memberships().list_contacts(request).await?.into_inner().contacts)
    }

    /// Replaces a contact's single permissions.
    pub async fn permit_contact(
        &self,
        account: &Account,
        contact: &Contact,
        permissions: &[&str],
    ) -> Result<Contact, Status> {
        let request = UpdateContactRequest {
            account: account.id.clone(),
            contact: contact.id.clone(),
            permissions: names(permissions),
            update_mask: mask("permissions"),
            ..Default::default()
        };
        let answer = self.memberships().update_contact(request).await?.into_inner();
        Ok(answer.contact.expect("the contact"))
    }

    /// Removes a contact.
    pub async fn delete_contact(&self, account: &Account, contact: &Contact) -> Result<(), Status> {
        let request = DeleteContactRequest {
            account: account.id.clone(),
            contact: contact.id.clone(),
            ..Default::default()
        };
        self.memberships().delete_contact(request).await.map(|_| ())
    }

    /// Registers a resource that the contact holds.
    pub async fn register_for(
        &self,
        account: &Account,
        resource: ResourceRef,
        holder: &Contact,
    ) -> Result<Resource, Status> {
        let request = CreateResourceRequest {
            account: account.id.clone(),
            resource: Some(resource),
            holder: holder.id.clone(),
            ..Default::default()
        };
        let answer = self.accounts().create_resource(request).await?.into_inner();
        Ok(answer.resource.expect("the new resource"))
    }

    /// Records another holder of a resource, or nobody.
    pub async fn set_holder(
        &self,
        account: &Account,
        resource: ResourceRef,
        holder: Option<&Contact>,
    ) -> Result<Resource, Status> {
        let request = UpdateResourceRequest {
            account: account.id.clone(),
            resource: Some(resource),
            holder: holder.map(|contact| contact.id.clone()).unwrap_or_default(),
            update_mask: mask("holder"),
            ..Default::default()
        };
        let answer = self.accounts().update_resource(request).await?.into_inner();
        Ok(answer.resource.expect("the resource"))
    }
}

/// Ownership, and what becomes of accounts.
impl Party {
    /// Hands one's own part over.
    pub async fn hand_over(&self, account: &Account, to: &User) -> Result<(Member, Member), Status> {
        self.transfer(account, "", &to.id).await
    }

    /// Moves ownership from one member to another, by their ids; both as they are then.
    pub async fn transfer(
        &self,
        account: &Account,
        from: &str,
        to: &str,
    ) -> Result<(Member, Member), Status> {
        let (account, from, to) = (account.id.clone(), from.to_owned(), to.to_owned());
        let request = TransferOwnershipRequest { account, from, to, ..Default::default() };
        let answer = self.accounts().transfer_ownership(request).await?.into_inner();
        Ok((answer.from.expect("who handed over"), answer.to.expect("who took over")))
    }

    /// Deletes an account.
    pub async fn delete_account(&self, account: &Account) -> Result<Account, Status> {
        let request = DeleteAccountRequest { account: account.id.clone(), ..Default::default() };
        let answer = self.accounts().delete_account(request).await?.into_inner();
        Ok(answer.account.expect("the account"))
    }

    /// Suspends an account.
    pub async fn suspend_account(&self, account: &Account) -> Result<Account, Status> {
        let request = SuspendAccountRequest { account: account.id.clone(), ..Default::default() };
        let answer = self.accounts().suspend_account(request).await?.into_inner();
        Ok(answer.account.expect("the account"))
    }

    /// Ends an account's suspension.
    pub async fn reinstate_account(&self, account: &Account) -> Result<Account, Status> {
        let request = ReinstateAccountRequest { account: account.id.clone(), ..Default::default() };
        let answer = self.accounts().reinstate_account(request).await?.into_inner();
        Ok(answer.account.expect("the account"))
    }

    /// Takes a deletion back.
    pub async fn undelete_account(&self, account: &Account) -> Result<Account, Status> {
        let request = UndeleteAccountRequest { account: account.id.clone(), ..Default::default() };
        let answer = self.accounts().undelete_account(request).await?.into_inner();
        Ok(answer.account.expect("the account"))
    }
}
