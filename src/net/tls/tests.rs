//! Which certificates serve, which never do, and what those of clients say.

use std::collections::HashMap;
use std::path::PathBuf;

use rcgen::{CertificateParams, KeyPair, SanType};

use super::*;

/// A pair, as PEM.
fn pair(adjust: impl FnOnce(&mut CertificateParams)) -> (String, String) {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    adjust(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

#[derive(Default)]
struct Disk(HashMap<PathBuf, String>);

impl Disk {
    fn with(pair: &(String, String)) -> Disk {
        let mut disk = Disk::default();
        disk.put(pair);
        disk
    }

    fn put(&mut self, (cert, key): &(String, String)) {
        self.0.insert("/cert".into(), cert.clone());
        self.0.insert("/key".into(), key.clone());
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let text = self.0.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(text.clone().into_bytes())
    }
}

fn settings() -> Tls {
    Tls {
        cert_file: "/cert".into(),
        key_file: "/key".into(),
        client_ca_file: None,
        client_auth: ClientAuth::Required,
    }
}

#[test]
fn q05_only_a_good_pair_takes_the_place_of_one_that_serves() {
    let (first, second) = (pair(|_| ()), pair(|_| ()));
    let mut disk = Disk::with(&first);
    let serving = Arc::new(Certificates::load(&settings(), &|path| disk.read(path)).unwrap());
    let renew = |disk: &Disk| serving.renew(&settings(), &|path| disk.read(path), 1.0e9);
    assert!(Arc::ptr_eq(&serving, &renew(&disk).unwrap()));

    let expired = pair(|params| params.not_after = rcgen::date_time_ymd(2001, 1, 1));
    for (broken, told) in [
        (
            (second.0.clone(), first.1.clone()),
            "can't be used together",
        ),
        ((String::new(), first.1.clone()), "no certificate"),
        ((second.0.clone(), "x".to_owned()), "no private key"),
        (expired, "expired"),
    ] {
        disk.put(&broken);
        let fault = renew(&disk).err().unwrap().to_string();
        assert!(fault.contains(told), "{fault}");
    }
    disk.0.clear();
    let fault = renew(&disk).err().unwrap().to_string();
    assert!(fault.contains("can't be read"), "{fault}");
    disk.put(&second);
    assert!(!Arc::ptr_eq(&serving, &renew(&disk).unwrap()));
}

#[test]
fn sessions_are_not_resumed_where_certificates_are_asked_for() {
    let pair = pair(|_| ());
    let mut disk = Disk::with(&pair);
    disk.0.insert("/ca".into(), pair.0.clone());
    let asking = Tls {
        client_ca_file: Some("/ca".into()),
        ..settings()
    };
    let config = Certificates::load(&asking, &|path| disk.read(path))
        .unwrap()
        .config();
    assert_eq!(config.send_tls13_tickets, 0);
    assert!(!config.session_storage.can_cache() && !config.ticketer.enabled());
    assert_eq!(config.max_early_data_size, 0);
}

#[test]
fn names_are_of_the_kind_they_say_they_are() {
    let read = |names: &[SanType]| {
        let (pem, _) = pair(|params| params.subject_alt_names = names.to_vec());
        certificate::read(&certificates(pem.as_bytes()).unwrap()[0]).unwrap()
    };
    let ia5 = |text: &str| rcgen::string::Ia5String::try_from(text).unwrap();
    let known = read(&[
        SanType::URI(ia5("spiffe://Acme/x")),
        SanType::DnsName(ia5("API.Example.com")),
        SanType::Rfc822Name(ia5("a@example.com")),
        SanType::IpAddress("2001:db8::1".parse().unwrap()),
    ]);
    assert_eq!(
        known.san,
        [
            "spiffe://Acme/x",
            "api.example.com",
            "a@example.com",
            "2001:db8::1"
        ]
    );
    // A host name that would pass for another kind of name.
    let forged = read(&[
        SanType::DnsName(ia5("spiffe://Acme/x")),
        SanType::DnsName(ia5("10.0.0.1")),
        SanType::DnsName(ia5("a@example.com")),
        SanType::DnsName(ia5("a,b")),
        SanType::Rfc822Name(ia5("spiffe://x@y")),
        SanType::URI(ia5("api.example.com")),
    ]);
    assert!(forged.san.is_empty(), "{forged:?}");
}
