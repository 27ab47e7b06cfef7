//! The tables of the tests: a name as a JSON string => the message.

/// Texts that cannot be a SAN => the reason.
pub(super) const NO_NAMES: &str = r#"
".." => it begins with a dot
".a" => it begins with a dot
"host." => it ends with a dot
"a..b" => it has two dots in a row
"a-" => its label `a-` begins or ends with `-`
"-a" => its label `-a` begins or ends with `-`
"a.-b.c" => its label `-b` begins or ends with `-`
"---" => its label `---` begins or ends with `-`
"-" => its label `-` begins or ends with `-`
"api_1.example" => `_` is not allowed
"_sip.example" => `_` is not allowed
"a b" => spaces are not allowed
" a" => it begins or ends with a space
"a " => it begins or ends with a space
"a\n" => it begins or ends with a space
"\ta" => it begins or ends with a space
"a\nb" => control characters are not allowed
"a\u0000b" => control characters are not allowed
"a\u007fb" => control characters are not allowed
"a,DNS:b" => it has a comma; give each name as an item of its own
"a,b" => it has a comma; give each name as an item of its own
"DNS:x" => give it without `DNS:`
"dns:x" => give it without `dns:`
"IP:1.2.3.4" => give it without `IP:`
"IP Address:1.2.3.4" => give it without `IP Address:`
"URI:https://a" => `URI:` names another kind of SAN
"email:copy" => `email:` names another kind of SAN
"email:a@b.example" => `email:` names another kind of SAN
"dirName:sect" => `dirName:` names another kind of SAN
"otherName:1.2.3;UTF8:a" => `otherName:` names another kind of SAN
"RID:1.2.3" => `RID:` names another kind of SAN
"@file" => `@` is not allowed
"../../etc/x" => `/` is not allowed
"/etc/x" => `/` is not allowed
"a/b" => `/` is not allowed
"a\\b" => `\\` is not allowed
"$(id)" => `$` is not allowed
"`id`" => ``` is not allowed
"${HOME}" => `$` is not allowed
"a;b" => `;` is not allowed
"a|b" => `|` is not allowed
"a&b" => `&` is not allowed
"a'b" => `'` is not allowed
"a\"b" => `"` is not allowed
"<a>" => `<` is not allowed
"a#b" => `#` is not allowed
"a?b" => `?` is not allowed
"a!b" => `!` is not allowed
"%00" => `%` is not allowed
"\u001b[31mred" => control characters are not allowed
"\u009b31mred" => control characters are not allowed
"**.a" => `*` must be the whole first label
"a.*.b" => `*` must be the whole first label
"*.*.a" => `*` must be the whole first label
"*" => `*` must be the whole first label
"*." => it is empty
"*a.b" => `*` must be the whole first label
"a*.b" => `*` must be the whole first label
"*.1.2.3.4" => its last label is a number
"z\u00f6mbo.com" => it is not ASCII; give its A-label (`xn--...`)
"zo\u0308mbo.com" => it is not ASCII; give its A-label (`xn--...`)
"xn--" => its label `xn--` begins or ends with `-`
"a\u200bb.com" => it has an invisible character
"a\u202eb.com" => it has an invisible character
"\ufeffa" => it has an invisible character
"\u0430pple.example" => it is not ASCII; give its A-label (`xn--...`)
"\uff11.2.3.4" => it is not ASCII; give its A-label (`xn--...`)
"a\u3002b" => it is not ASCII; give its A-label (`xn--...`)
"a.163" => its last label is a number
"163" => its last label is a number
"2130706433" => its last label is a number
"1.2.3" => its last label is a number
"1.2.3.4.5" => its last label is a number
"256.1.1.1" => an IPv4 address is four numbers from 0 to 255 without leading zeros
"1.2.3.4." => it ends with a dot
"010.0.0.1" => an IPv4 address is four numbers from 0 to 255 without leading zeros
"0x7f.0.0.1" => its last label is a number
"10.0.0.0/24" => it is a network; give single addresses
"2001:db8::/32" => it is a network; give single addresses
"1.2.3.4:6443" => it has a port; give the host alone
"lb.example:6443" => it has a port; give the host alone
"lb.example:" => it has a port; give the host alone
"[::1]" => give the address without brackets and port
"[::1]:6443" => give the address without brackets and port
"::1]" => `:` is not allowed
"https://a:6443" => it is a URL; give the host alone
"https://a/" => it is a URL; give the host alone
"//a" => `/` is not allowed
"a@b.example" => `@` is not allowed
"fe80::1%eth0" => it has a zone, which is valid on one host only
"fe80::1%1" => it has a zone, which is valid on one host only
"::g" => `:` is not allowed
"1::2::3" => `:` is not allowed
"12345::" => `:` is not allowed
"localhost.localdomain_" => `_` is not allowed
"#;

/// Addresses that cannot be a SAN => their kind.
pub(super) const NO_HOSTS: &str = r#"
"::ffff:0.0.0.0" => the unspecified address, which no client connects to
"0.0.0.0" => the unspecified address, which no client connects to
"::" => the unspecified address, which no client connects to
"224.0.0.1" => a multicast address, which no single host has
"239.255.255.255" => a multicast address, which no single host has
"ff02::1" => a multicast address, which no single host has
"255.255.255.255" => the broadcast address, which no single host has
"#;

/// Valid SANs => the SAN in the certificate.
pub(super) const NAMES: &str = r#"
"a" => DNS:a
"A.Example" => DNS:a.example
"*.A.example" => DNS:*.a.example
"xn--zmbo-5qa.com" => DNS:xn--zmbo-5qa.com
"1a" => DNS:1a
"163.a" => DNS:163.a
"a--b" => DNS:a--b
"1e3" => DNS:1e3
"localhost" => DNS:localhost
"192.0.2.7" => IP:192.0.2.7
"127.0.0.1" => IP:127.0.0.1
"169.254.1.1" => IP:169.254.1.1
"fe80::1" => IP:fe80::1
"2001:DB8:0:0::7" => IP:2001:db8::7
"::ffff:1.2.3.4" => IP:1.2.3.4
"255.255.255.254" => IP:255.255.255.254
"#;

/// Texts that cannot be a node name => the reason.
pub(super) const NO_NODES: &str = r#"
".." => it begins with a dot
".a" => it begins with a dot
"host." => it ends with a dot
"a..b" => it has two dots in a row
"a-" => its label `a-` begins or ends with `-`
"-a" => its label `-a` begins or ends with `-`
"---" => its label `---` begins or ends with `-`
"cp_1" => `_` is not allowed
"cp 1" => spaces are not allowed
"cp\n1" => control characters are not allowed
"a,b" => `,` is not allowed
"DNS:x" => `:` is not allowed
"../../etc/x" => `/` is not allowed
"/etc/passwd" => `/` is not allowed
"$(id)" => `$` is not allowed
"\u001b[31mred" => control characters are not allowed
"*.a" => `*` must be the whole first label
"*" => `*` must be the whole first label
"z\u00f6mbo" => it is not ASCII; give its A-label (`xn--...`)
"zo\u0308mbo" => it is not ASCII; give its A-label (`xn--...`)
"a\u200bb" => it has an invisible character
"a\u202eb" => it has an invisible character
"\ufeffa" => it has an invisible character
"a.163" => its last label is a number
"163" => its last label is a number
"10.0.0.256" => its last label is a number
"::1" => `:` is not allowed
"1.2.3.4:6443" => `:` is not allowed
"https://a" => `:` is not allowed
"system:node:cp-1" => `:` is not allowed
"cp-1,O=system:masters" => `,` is not allowed
"cp-1/O=system:masters" => `/` is not allowed
"CN=cp-1" => `=` is not allowed
" " => it is empty
"#;

/// Texts that cannot be a DNS domain => the reason.
pub(super) const NO_DOMAINS: &str = r#"
".." => it begins with a dot
".cluster.local" => it begins with a dot
"cluster.local." => it ends with a dot
"cluster..local" => it has two dots in a row
"-a" => its label `-a` begins or ends with `-`
"cluster_local" => `_` is not allowed
"cluster local" => spaces are not allowed
" cluster.local" => spaces are not allowed
"cluster.local\n" => control characters are not allowed
"*.local" => `*` must be the whole first label
"z\u00f6mbo.com" => it is not ASCII; give its A-label (`xn--...`)
"a\u200bb" => it has an invisible character
"\u001b[31m" => control characters are not allowed
"10.0.0.1" => its last label is a number
"local.1" => its last label is a number
"https://a" => `:` is not allowed
"a/b" => `/` is not allowed
"a:53" => `:` is not allowed
"$(id)" => `$` is not allowed
"#;

/// Texts that cannot be a control-plane endpoint => the message.
pub(super) const NO_ENDPOINTS: &str = r#"
"lb:" => `lb:` has no port after its colon
"lb:0" => `0` is not a port; want 1 to 65535
"lb:65536" => `65536` is not a port; want 1 to 65535
"lb:-1" => `-1` is not a port; want 1 to 65535
"lb:http" => `http` is not a port; want 1 to 65535
"lb:6443:1" => `lb:6443:1` is neither an IP address nor a DNS name: `:` is not allowed
"lb: 6443" => ` 6443` is not a port; want 1 to 65535
" lb" => ` lb` is neither an IP address nor a DNS name: it begins or ends with a space
"lb " => `lb ` is neither an IP address nor a DNS name: it begins or ends with a space
":6443" => `:6443` has no host before its colon
":" => `:` has no host before its colon
"[::1]" => `[::1]` is not an address in brackets with a port; write an IPv6 address as `address` or `[address]:port`
"[::1]:" => `[::1]:` has no port after its colon
"[::1]:0" => `0` is not a port; want 1 to 65535
"[lb]:6443" => `[lb]:6443` is not an address in brackets with a port; write an IPv6 address as `address` or `[address]:port`
"[10.0.0.1]:6443" => `[10.0.0.1]:6443` is not an address in brackets with a port; write an IPv6 address as `address` or `[address]:port`
"[::1" => `[::1` is not an address in brackets with a port; write an IPv6 address as `address` or `[address]:port`
"::1]:6443" => `::1]:6443` is neither an IP address nor a DNS name: `:` is not allowed
"https://lb" => `https://lb` is a URL; give `host` or `host:port`
"https://lb:6443" => `https://lb:6443` is a URL; give `host` or `host:port`
"http://lb/path" => `http://lb/path` is a URL; give `host` or `host:port`
"lb/path" => `lb/path` is neither an IP address nor a DNS name: `/` is not allowed
"lb_1" => `lb_1` is neither an IP address nor a DNS name: `_` is not allowed
"lb." => `lb.` is neither an IP address nor a DNS name: it ends with a dot
"-lb" => `-lb` is neither an IP address nor a DNS name: its label `-lb` begins or ends with `-`
"*.example" => `*.example` is a wildcard; an endpoint is one host
"*.example:6443" => `*.example:6443` is a wildcard; an endpoint is one host
"*" => `*` is neither an IP address nor a DNS name: `*` must be the whole first label
"0.0.0.0" => `0.0.0.0` is the unspecified address, which no client connects to
"0.0.0.0:6443" => `0.0.0.0` is the unspecified address, which no client connects to
"::" => `::` is the unspecified address, which no client connects to
"[::]:6443" => `::` is the unspecified address, which no client connects to
"224.0.0.1" => `224.0.0.1` is a multicast address, which no single host has
"255.255.255.255:1" => `255.255.255.255` is the broadcast address, which no single host has
"ff02::1" => `ff02::1` is a multicast address, which no single host has
"010.0.0.1:6443" => `010.0.0.1` is neither an IP address nor a DNS name: an IPv4 address is four numbers from 0 to 255 without leading zeros
"1.2.3.4.5" => `1.2.3.4.5` is neither an IP address nor a DNS name: its last label is a number
"10.0.0.0/24" => `10.0.0.0/24` is neither an IP address nor a DNS name: it is a network; give single addresses
"fe80::1%eth0" => `fe80::1%eth0` is neither an IP address nor a DNS name: it has a zone, which is valid on one host only
"[fe80::1%eth0]:6443" => `fe80::1%eth0` is neither an IP address nor a DNS name: it has a zone, which is valid on one host only
"a,b" => `a,b` is neither an IP address nor a DNS name: it has a comma; give each name as an item of its own
"user@lb" => `user@lb` is neither an IP address nor a DNS name: `@` is not allowed
"\u001b[31m" => `\u{1b}[31m` is neither an IP address nor a DNS name: control characters are not allowed
"z\u00f6mbo.com:6443" => `zömbo.com` is neither an IP address nor a DNS name: it is not ASCII; give its A-label (`xn--...`)
"lb\n:6443" => `lb\n` is neither an IP address nor a DNS name: it begins or ends with a space
"lb:06443x" => `06443x` is not a port; want 1 to 65535
"lb:\uff16443" => `６443` is not a port; want 1 to 65535
"1.2.3" => `1.2.3` is neither an IP address nor a DNS name: its last label is a number
"#;

/// Valid control-plane endpoints => the server in kubeconfigs.
pub(super) const ENDPOINTS: &str = r#"
"lb" => https://lb:6443
"LB.Example" => https://lb.example:6443
"lb:443" => https://lb:443
"lb:0443" => https://lb:443
"10.0.0.1" => https://10.0.0.1:6443
"10.0.0.1:443" => https://10.0.0.1:443
"2001:db8::1" => https://[2001:db8::1]:6443
"[2001:db8::1]:443" => https://[2001:db8::1]:443
"2001:db8::1:6443" => https://[2001:db8::1:6443]:6443
"localhost:6443" => https://localhost:6443
"127.0.0.1:6443" => https://127.0.0.1:6443
"#;

/// Texts that cannot be an advertise address => the message.
pub(super) const NO_ADVERTISE_ADDRESSES: &str = r#"
"cp-1" => `cp-1` is not an IP address
"10.0.0" => `10.0.0` is not an IP address
"10.0.0.256" => `10.0.0.256` is not an IP address
"010.0.0.1" => `010.0.0.1` is not an IP address
" 10.0.0.1" => ` 10.0.0.1` is not an IP address
"10.0.0.1 " => `10.0.0.1 ` is not an IP address
"10.0.0.1:6443" => `10.0.0.1:6443` is not an IP address
"10.0.0.0/24" => `10.0.0.0/24` is not an IP address
"[::1]" => `[::1]` is not an IP address
"fe80::1%eth0" => `fe80::1%eth0` is not an IP address
"fe80::1" => `fe80::1` is a link-local address, which needs a zone to be reached
"169.254.0.1" => `169.254.0.1` is a link-local address, which is not routed
"224.0.0.1" => `224.0.0.1` is a multicast address, which no single host has
"ff02::1" => `ff02::1` is a multicast address, which no single host has
"255.255.255.255" => `255.255.255.255` is the broadcast address, which no single host has
"::ffff:224.0.0.1" => `224.0.0.1` is a multicast address, which no single host has
"1.2.3.4,2001:db8::1" => `1.2.3.4,2001:db8::1` is not an IP address
"0x7f000001" => `0x7f000001` is not an IP address
"2130706433" => `2130706433` is not an IP address
"\u001b[31m" => `\u{1b}[31m` is not an IP address
"https://10.0.0.1" => `https://10.0.0.1` is not an IP address
"localhost" => `localhost` is not an IP address
"\uff110.0.0.1" => `１0.0.0.1` is not an IP address
"*" => `*` is not an IP address
"#;

/// Texts that cannot be a cluster name => the message.
pub(super) const NO_CLUSTER_NAMES: &str = r#"
"a\nb" => has control characters
"a\u001b[31mb" => has control characters
"a\u007f" => has control characters
"\u0085" => has control characters
"a\u200bb" => has invisible characters
"a\u202eb" => has invisible characters
"\ufeffa" => has invisible characters
"a\u00adb" => has invisible characters
"a\u2028b" => has invisible characters
"#;

/// Flags => the messages.
pub(super) const FLAGS: &str = r#"
--node-name= => is empty
--node-name=CP_1 => `CP_1` is not a node name: `_` is not allowed
--node-name=-a => `-a` is not a node name: its label `-a` begins or ends with `-`
--apiserver-cert-extra-sans= => is empty; want an IP address or a DNS name
--apiserver-cert-extra-sans=a,,b => is empty; want an IP address or a DNS name
--apiserver-cert-extra-sans=a,DNS:b => `DNS:b` is neither an IP address nor a DNS name: give it without `DNS:`
--apiserver-cert-extra-sans=a,b,c_d => `c_d` is neither an IP address nor a DNS name: `_` is not allowed
--control-plane-endpoint= => is empty
--control-plane-endpoint=https://lb => `https://lb` is a URL; give `host` or `host:port`
--service-cidr= => is empty
--service-cidr=10.96.0.0/33 => `10.96.0.0/33` is not a network; want address and prefix length, such as `10.96.0.0/12`
--service-cidr=10.96.0.0/32 => `10.96.0.0/32` has too few addresses for services; want at least a `/28`
--service-cidr=fd00::/112,10.96.0.0/16 => the first service subnet must be IPv4, like the advertise address `192.0.2.11`; swap the two subnets
--service-dns-domain= => is empty
--service-dns-domain=a_b => `a_b` is not a DNS domain: `_` is not allowed
--cluster-name= => is empty
--apiserver-advertise-address= => is empty
--apiserver-advertise-address=cp-1 => `cp-1` is not an IP address
--apiserver-bind-port= => is empty
--apiserver-bind-port=00 => `00` is not a port; want 1 to 65535
--apiserver-bind-port=-1 => `-1` is not a port; want 1 to 65535
--encryption-algorithm= => is empty
--encryption-algorithm=rsa => `rsa` is not an algorithm; want one of `RSA-2048`, `RSA-3072`, `RSA-4096`, `ECDSA-P256`, `ECDSA-P384`
--certificate-validity-period= => is empty
--certificate-validity-period=0h => `0h` is too short; want at least `1s`
--certificate-validity-period=1y => `1y` is not a duration; write `30d` or `720h`
--ca-certificate-validity-period=-1h => `-1h` is negative
"#;
