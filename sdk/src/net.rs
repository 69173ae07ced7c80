//! Internet addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address in 4 or 16 bytes. An IPv4 address inside IPv6 comes out as IPv4.
pub fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(v4).into());
    }
    let v6 = Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?);
    Some(v6.to_ipv4_mapped().map_or(v6.into(), IpAddr::from))
}

/// Whether it is in a range that is not routed on the public internet.
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// `address:port` as people write it, or the path of a unix socket.
pub fn endpoint(address: &[u8], port: u32) -> String {
    match ip(address) {
        Some(IpAddr::V4(v4)) => format!("{v4}:{port}"),
        Some(IpAddr::V6(v6)) => format!("[{v6}]:{port}"),
        None => String::from_utf8_lossy(address).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_are_ipv4() {
        let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1];
        assert_eq!(endpoint(&mapped, 80), "10.0.0.1:80");
        assert_eq!(endpoint(&[0; 16], 1), "[::]:1");
        assert_eq!(endpoint(b"/run/x.sock", 0), "/run/x.sock");
        assert_eq!(ip(&mapped).map(is_private), Some(true));
        assert_eq!(ip(&[8, 8, 8, 8]).map(is_private), Some(false));
    }
}
