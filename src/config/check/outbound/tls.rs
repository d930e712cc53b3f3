//! `tls` of a listener of the courier: how its destinations are called, and with `client_ca_file` the listener itself.
//!
//! One pair, `cert_file` and `key_file`, is who this workload is, to both sides: its callers see it, and a destination that
//! asks for a certificate. Who calls a listener with a `client_ca_file` has shown a certificate of that authority.

use std::path::PathBuf;

use crate::config::check::certificates;
use crate::config::fault::Fault;
use crate::config::model::{Address, ClientAuth, ClientTls, Tls};
use crate::config::raw::item::Item;
use crate::config::raw::table::Table;

const KIND: &str = "outbound.*.tls";

/// Keys of whoever is called alone.
const CALLED_KEYS: [&str; 2] = ["ca_file", "server_name"];

/// What `tls` says of both sides.
#[derive(Default)]
pub(super) struct Sides<'a> {
    /// How the listener speaks it; none where it does not.
    pub(super) listener: Option<Tls>,
    /// How destinations are called.
    pub(super) called: ClientTls,
    /// Where `client_ca_file` stands, whether it can be used or not.
    pub(super) authorities: Option<Item<'a>>,
    item: Option<Item<'a>>,
}

/// Reads `tls`.
pub(super) fn sides<'a>(outbound: &mut Table<'a>) -> Sides<'a> {
    let Some(item) = outbound.take("tls") else {
        return Sides::default();
    };
    let Some(mut table) = item.table("`tls`", KIND) else {
        return Sides::default();
    };
    let called = certificates::called(&mut table);
    let authorities = table.take("client_ca_file");
    let listener = authorities.and_then(|item| listener(item, &mut table));
    table.finish();
    Sides {
        listener,
        called,
        authorities,
        item: Some(item),
    }
}

/// The same for a destination of a forward proxy, which has no listener of its own.
pub(super) fn destination(table: &mut Table<'_>, address: Option<&Address>) -> ClientTls {
    let item = table.take("tls");
    if let (Some(item), false) = (item, is_over_tls(address)) {
        item.refuse::<()>(
            "`tls` has no meaning here",
            "only an https:// destination has it",
        );
    }
    item.and_then(|item| certificates::client_tls(item, KIND))
        .unwrap_or_default()
}

/// Whose certificates are believed, and what the listener shows. The pair has been read by now.
fn listener(authorities: Item<'_>, table: &mut Table<'_>) -> Option<Tls> {
    let believed = certificates::roots(authorities);
    let (cert, key) = (table.take("cert_file"), table.take("key_file"));
    if cert.is_none() && key.is_none() {
        return authorities.refuse(
            "`client_ca_file` without `cert_file` and `key_file`",
            "expected both: the certificate that this listener shows its callers, and its key",
        );
    }
    Some(Tls {
        client_ca_file: believed.and_then(|_| authorities.string().map(PathBuf::from)),
        cert_file: cert?.string()?.into(),
        key_file: key?.string()?.into(),
        client_auth: ClientAuth::Required,
    })
}

fn is_over_tls(address: Option<&Address>) -> bool {
    matches!(address, Some(Address::Tcp { tls: true, .. }) | None)
}

impl Sides<'_> {
    /// Tells what a relay to this destination has no use for.
    pub(super) fn fit_relay(&self, address: Option<&Address>) {
        let Some(item) = self.item.filter(|_| !is_over_tls(address)) else {
            return;
        };
        let why = "only an https:// destination has it";
        match self.authorities {
            None => {
                item.refuse::<()>("`tls` has no meaning here", why);
            }
            Some(_) => self.misplaced(why),
        }
    }

    /// Tells what a forward proxy has no use for: whom its destinations are believed by stands beside each.
    pub(super) fn fit_forward_proxy(&self) {
        let why = "a destination's keys stand in `destinations`";
        match (self.item, self.authorities) {
            (Some(item), None) => super::misplace(item, why),
            _ => self.misplaced(why),
        }
    }

    fn misplaced(&self, why: &str) {
        let Some(mut table) = self.item.and_then(|item| item.table("`tls`", KIND)) else {
            return;
        };
        for item in CALLED_KEYS.iter().filter_map(|key| table.take(key)) {
            let message = format!("`{}` has no meaning here", item.key);
            item.at.tell(Fault::at(item.key_span.clone(), message, why));
        }
    }
}
