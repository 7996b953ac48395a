//! JSON Web Encryption (RFC 7516) with a shared key, `dir`, and `A256CBC-HS512` (RFC 7518 sections 4.5 and 5.2.5).

use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::{constant_time, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// A parsed compact JWE. Nothing of it is authenticated before it is decrypted.
pub(crate) struct DirectJwe<'a> {
    /// The additional authenticated data: the header, encoded.
    header: &'a [u8],
    iv: [u8; 16],
    ciphertext: Vec<u8>,
    tag: Vec<u8>,
}

impl<'a> DirectJwe<'a> {
    /// Parses the compact serialization (RFC 7516 section 7.1). None for other algorithms, compression, or critical
    /// header parameters.
    pub(crate) fn parse(jwe: &'a str) -> Option<Self> {
        let [header, key, iv, ciphertext, tag] = jwe.split('.').collect::<Vec<_>>()[..] else {
            return None;
        };
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let parsed: Value = serde_json::from_slice(&decode(header)?).ok()?;
        let plain = !["zip", "crit"].iter().any(|member| parsed.get(*member).is_some());
        if parsed["alg"] != "dir" || parsed["enc"] != "A256CBC-HS512" || !plain || !key.is_empty() {
            return None;
        }
        Some(Self {
            header: header.as_bytes(),
            iv: decode(iv)?.try_into().ok()?,
            ciphertext: decode(ciphertext)?,
            tag: decode(tag)?,
        })
    }

    /// The content. RFC 7518 section 5.2.2.2: the tag is checked before anything is decrypted. The first half of `key`
    /// authenticates, the second encrypts.
    pub(crate) fn decrypt(&self, key: &[u8; 64]) -> Option<Vec<u8>> {
        let (authenticating, encrypting) = key.split_at(32);
        let mut tag = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA512, authenticating));
        tag.update(self.header);
        tag.update(&self.iv);
        tag.update(&self.ciphertext);
        tag.update(&(self.header.len() as u64 * 8).to_be_bytes());
        constant_time::verify_slices_are_equal(&tag.sign().as_ref()[..32], &self.tag).ok()?;
        let key = UnboundCipherKey::new(&AES_256, encrypting).ok()?;
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).ok()?;
        let mut content = self.ciphertext.clone();
        let context = DecryptionContext::Iv128(self.iv.into());
        key.decrypt(&mut content, context).ok().map(|content| content.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<_> = hex.split_ascii_whitespace().collect();
        digits.iter().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
    }

    /// RFC 7518 appendix B.3.
    fn vector() -> (DirectJwe<'static>, [u8; 64]) {
        let key = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let jwe = DirectJwe {
            header: b"The second principle of Auguste Kerckhoffs",
            iv: bytes("1a f3 8c 2d c2 b9 6f fd d8 66 94 09 23 41 bc 04").try_into().unwrap(),
            ciphertext: bytes(
                "4a ff aa ad b7 8c 31 c5 da 4b 1b 59 0d 10 ff bd 3d d8 d5 d3 02 42 35 26 91 2d a0 37 ec bc c7 bd \
                 82 2c 30 1d d6 7c 37 3b cc b5 84 ad 3e 92 79 c2 e6 d1 2a 13 74 b7 7f 07 75 53 df 82 94 10 44 6b \
                 36 eb d9 70 66 29 6a e6 42 7e a7 5c 2e 08 46 a1 1a 09 cc f5 37 0d c8 0b fe cb ad 28 c7 3f 09 b3 \
                 a3 b7 5e 66 2a 25 94 41 0a e4 96 b2 e2 e6 60 9e 31 e6 e0 2c c8 37 f0 53 d2 1f 37 ff 4f 51 95 0b \
                 be 26 38 d0 9d d7 a4 93 09 30 80 6d 07 03 b1 f6",
            ),
            tag: bytes(
                "4d d3 b4 c0 88 a7 f4 5c 21 68 39 64 5b 20 12 bf 2e 62 69 a8 c5 6a 81 6d bc 1b 26 77 61 95 5b c5",
            ),
        };
        (jwe, key)
    }

    #[test]
    fn rfc_7518_vector_is_decrypted() {
        let (jwe, key) = vector();
        let content = jwe.decrypt(&key).unwrap();
        assert_eq!(
            String::from_utf8(content).unwrap(),
            "A cipher system must not be required to be secret, and it must be able to fall into the hands of \
             the enemy without inconvenience"
        );
    }

    #[test]
    fn altered_vector_is_rejected() {
        let change: [fn(&mut DirectJwe<'_>, &mut [u8; 64]); 6] = [
            |jwe, _| jwe.header = b"The second principle of Auguste Kerckhoff",
            |jwe, _| jwe.iv[0] ^= 1,
            |jwe, _| jwe.ciphertext[20] ^= 1,
            |jwe, _| jwe.tag[0] ^= 1,
            |jwe, _| jwe.tag.truncate(16),
            |_, key| key[0] ^= 1,
        ];
        for change in change {
            let (mut jwe, mut key) = vector();
            change(&mut jwe, &mut key);
            assert!(jwe.decrypt(&key).is_none());
        }
    }
}
