//! Names the cryptography library.

/// Returns the cryptography library with its version, such as `AWS-LC 5.12.0, not its FIPS module`.
pub fn description() -> String {
    let fips = match aws_lc_rs::try_fips_mode() {
        Ok(()) => "in FIPS mode",
        Err(_) => "not its FIPS module",
    };
    format!("AWS-LC {}, {fips}", aws_lc_rs::awslc_version())
}
