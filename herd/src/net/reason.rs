//! Why a connection failed, in plain words.

use std::io;

use crate::tls::rejection;

/// The reason that is logged if the other side is gone, however that happened.
pub const LOST: &str = "connection lost";

/// Returns in plain words why a connection failed, without the error numbers of the system and
/// without the advice that a library gives its users.
pub fn reason(error: &io::Error) -> String {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, TimedOut, UnexpectedEof, WriteZero,
    };
    if let Some(cause) = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) {
        return tls_reason(cause);
    }
    match error.kind() {
        BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof | WriteZero => {
            LOST.to_owned()
        }
        TimedOut => "timed out".to_owned(),
        _ => without_number(&error.to_string()).to_owned(),
    }
}

/// Returns the system's message for an error, without its number.
fn without_number(text: &str) -> &str {
    text.split_once(" (os error ").map_or(text, |(words, _)| words)
}

/// Returns in plain words why TLS failed.
fn tls_reason(cause: &rustls::Error) -> String {
    use rustls::Error::{AlertReceived, DecryptError, InvalidMessage, NoCertificatesPresented};
    use rustls::{AlertDescription, Error, PeerIncompatible};
    let reason = match cause {
        DecryptError => "the data was damaged in transit",
        InvalidMessage(_) => "it does not speak TLS",
        NoCertificatesPresented => "it shows no certificate",
        Error::PeerIncompatible(
            PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => "it does not speak TLS 1.3",
        // It cannot verify a signature if its authority has the same name as the one that signed.
        AlertReceived(AlertDescription::UnknownCA | AlertDescription::DecryptError) => {
            "it does not trust the authority that signed this node's certificate"
        }
        AlertReceived(AlertDescription::CertificateExpired) => {
            "it says that this node's certificate has expired"
        }
        AlertReceived(AlertDescription::BadCertificate | AlertDescription::CertificateUnknown) => {
            "it rejects this node's certificate"
        }
        AlertReceived(alert) => return format!("it rejected the handshake: {alert:?}"),
        other => return rejection(other).map_or_else(|| format!("TLS failed: {other}"), str::to_owned),
    };
    reason.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_is_gone_is_lost_however_it_went() {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
        // The message with which rustls reports a lost connection: a sentence for its users, with a
        // URL.
        let eof = io::Error::new(UnexpectedEof, "peer closed connection: https://docs.rs/rustls");
        for error in [eof, BrokenPipe.into(), ConnectionReset.into(), io::Error::from_raw_os_error(104)] {
            assert_eq!(reason(&error), "connection lost", "{error}");
        }
    }

    #[test]
    fn reasons_are_plain_words() {
        let tls = |error: rustls::Error| io::Error::new(io::ErrorKind::InvalidData, error);
        for (error, expected) in [
            (io::Error::from_raw_os_error(111), "Connection refused"),
            (io::Error::from_raw_os_error(113), "No route to host"),
            (io::Error::from_raw_os_error(110), "timed out"),
            (io::Error::other("the name has no address"), "the name has no address"),
            (tls(rustls::Error::NoCertificatesPresented), "it shows no certificate"),
            (tls(rustls::Error::DecryptError), "the data was damaged in transit"),
        ] {
            assert_eq!(reason(&error), expected, "{error:?}");
        }
    }
}
