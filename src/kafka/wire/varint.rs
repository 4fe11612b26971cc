//! Kafka's variable-length integers: seven bits a byte, lowest first; signed ones zigzag.

/// Folds the sign into the lowest bit, so that small negative numbers stay short.
#[inline]
pub(super) const fn zigzag(value: i64) -> u64 {
    (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned()
}

/// The inverse of [`zigzag`].
#[inline]
pub(super) const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// How many bytes [`put`] writes, 1 to 10.
#[inline]
pub(super) const fn len(value: u64) -> usize {
    let bits = u64::BITS - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// Appends `value`.
#[inline]
pub(super) fn put(out: &mut Vec<u8>, value: u64) {
    let mut rest = value;
    while rest >= 0x80 {
        out.push(low_byte(rest) | 0x80);
        rest >>= 7;
    }
    out.push(low_byte(rest));
}

#[inline]
const fn low_byte(value: u64) -> u8 {
    let [low, ..] = value.to_le_bytes();
    low
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use rskafka::protocol::primitives::Varlong;
    use rskafka::protocol::traits::ReadType as _;

    use super::*;

    #[test]
    fn every_border_reads_back_in_another_implementation() {
        let mut values = vec![0, 1, -1, i64::MAX, i64::MIN];
        for shift in 0..63 {
            let power = 1_i64 << shift;
            values.extend([power - 1, power, power + 1, -power, -power - 1, 1 - power]);
        }
        for value in values {
            let mut bytes = Vec::new();
            put(&mut bytes, zigzag(value));
            assert_eq!(bytes.len(), len(zigzag(value)), "{value}");
            assert_eq!(unzigzag(zigzag(value)), value);
            let read = Varlong::read(&mut Cursor::new(bytes)).unwrap();
            assert_eq!(read.0, value);
        }
    }
}
