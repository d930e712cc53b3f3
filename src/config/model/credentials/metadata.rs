//! Addresses that clouds answer with a machine's or a container's own credentials. Nothing is ever sent there for somebody
//! else, whatever a name resolves to (threats X03, X04).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Single addresses beside the link-local ones: Alibaba's, Azure's wire server.
const V4: [Ipv4Addr; 2] = [
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
];

/// EC2's, EKS Pod Identity's and Google's over IPv6.
const V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// Whether it is link-local, or known to answer with credentials.
pub fn is_metadata(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local() || V4.contains(&ip),
        IpAddr::V6(ip) => {
            V6.contains(&ip)
                || ip.is_unicast_link_local()
                || within(ip).is_some_and(|ip| is_metadata(IpAddr::V4(ip)))
        }
    }
}

/// Whether it is this very host, in whatever spelling.
pub fn is_here(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.octets()[0] == 0,
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || within(ip).is_some_and(|ip| is_here(IpAddr::V4(ip)))
        }
    }
}

/// The IPv4 address that an IPv6 one stands for: mapped, compatible, NAT64 (RFC 6052), 6to4 (RFC 3056).
fn within(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let (high, low) = match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0 | 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => (g, h),
        (0x2002, high, low, ..) => (high, low),
        _ => return None,
    };
    Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
}

#[cfg(test)]
mod tests;
