//! The caller, once it is known.

use http::StatusCode;
use quittance_engine::{PairedDevice, Party};
use quittance_ledger::{AccountId, Refusal};

use crate::problem::Problem;

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// The operator of the server.
    Operator,
    /// A device that is paired and not revoked.
    Device(PairedDevice),
}

impl Caller {
    /// What the engine is told.
    pub(crate) const fn party(&self) -> Party {
        match self {
            Self::Operator => Party::Operator,
            Self::Device(device) => Party::Account(device.account),
        }
    }

    /// Lets the operator pass alone.
    pub(crate) fn operator(&self) -> Result<(), Problem> {
        match self {
            Self::Operator => Ok(()),
            Self::Device(_) => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "operator-needed",
                "Only the operator may",
                "a device may not ask for this",
                "ask the operator",
            )),
        }
    }

    /// Lets devices pass alone.
    pub(crate) fn device(&self) -> Result<&PairedDevice, Problem> {
        match self {
            Self::Device(device) => Ok(device),
            Self::Operator => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "device-needed",
                "Only a device may",
                "the operator may not ask for this: it takes the account's device and PIN",
                "ask with a paired device",
            )),
        }
    }

    /// Lets the operator and the account's own devices pass. To others the account is as unknown as none.
    pub(crate) fn may_see(&self, account: AccountId) -> Result<(), Problem> {
        match self {
            Self::Device(device) if device.account != account => Err(Refusal::AccountUnknown.into()),
            Self::Operator | Self::Device(_) => Ok(()),
        }
    }

    /// The account that is meant: the one that is given, else the device's own. The operator has none and gives one.
    pub(crate) fn account(
        &self,
        given: Option<AccountId>,
        field: &'static str,
    ) -> Result<AccountId, Problem> {
        match (self, given) {
            (_, Some(account)) => {
                self.may_see(account).map(|()| account).map_err(|problem| problem.at(field))
            }
            (Self::Device(device), None) => Ok(device.account),
            (Self::Operator, None) => Err(Problem::field_missing(field.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use quittance_ledger::DeviceKey;

    use super::*;

    #[test]
    fn another_account_is_as_unknown_as_none() {
        let account = |n| AccountId::from_bytes([n; 16]).unwrap();
        let key = DeviceKey::ed25519([1; 32]);
        let device = Caller::Device(PairedDevice { account: account(1), device: key.device_id(), key });
        assert_eq!(device.may_see(account(2)).unwrap_err().slug(), "account-unknown");
        assert_eq!(device.account(Some(account(2)), "/account").unwrap_err().field(), Some("/account"));
        assert_eq!(device.account(None, "/account").unwrap(), account(1));
        assert_eq!(device.operator().unwrap_err().status(), StatusCode::FORBIDDEN);
        assert!(Caller::Operator.may_see(account(2)).is_ok());
        assert_eq!(Caller::Operator.account(None, "/account").unwrap_err().slug(), "field-missing");
        assert_eq!(Caller::Operator.device().unwrap_err().slug(), "device-needed");
    }
}
