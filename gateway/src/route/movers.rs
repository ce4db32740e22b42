//! Who moves units that are held or given back: a device with its signature, or the operator without.

use quittance_engine::{Mover, Pin};
use quittance_ledger::Signature;

use crate::auth::Caller;
use crate::problem::Problem;

/// The mover that a caller is. The operator has neither PIN nor key, so that what it sends of them is a mistake.
pub(super) fn mover<'a>(
    caller: &'a Caller,
    pin: Option<&'a Pin>,
    signature: Option<Signature>,
) -> Result<Mover<'a>, Problem> {
    match (caller, pin, signature) {
        (Caller::Operator, None, None) => Ok(Mover::Operator),
        (Caller::Operator, Some(_), _) => Err(not_the_operators("/pin")),
        (Caller::Operator, None, Some(_)) => Err(not_the_operators("/signature")),
        (Caller::Device(device), pin, Some(signature)) => Ok(Mover::Device { device, pin, signature }),
        (Caller::Device(_), _, None) => Err(Problem::field_missing("/signature".to_owned())),
    }
}

fn not_the_operators(field: &str) -> Problem {
    Problem::field_invalid(field.to_owned(), "only a device has it: leave it out")
}

#[cfg(test)]
mod tests {
    use quittance_engine::PairedDevice;
    use quittance_ledger::{AccountId, DeviceKey};

    use super::*;

    #[test]
    fn a_device_signs_and_the_operator_does_not() {
        let key = DeviceKey::ed25519([1; 32]);
        let account = AccountId::from_bytes([1; 16]).unwrap();
        let device = Caller::Device(PairedDevice { account, device: key.device_id(), key });
        let (pin, signature): (Pin, _) = ("1234".parse().unwrap(), Signature([0; 64]));
        assert!(matches!(mover(&Caller::Operator, None, None), Ok(Mover::Operator)));
        assert!(matches!(mover(&device, None, Some(signature)), Ok(Mover::Device { pin: None, .. })));
        for (caller, pin, signature, field) in [
            (&Caller::Operator, Some(&pin), None, "/pin"),
            (&Caller::Operator, None, Some(signature), "/signature"),
            (&device, Some(&pin), None, "/signature"),
        ] {
            let problem = mover(caller, pin, signature).unwrap_err();
            assert_eq!(problem.field(), Some(field));
            assert!(!format!("{problem:?}").contains("1234"));
        }
    }
}
