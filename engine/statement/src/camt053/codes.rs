//! What each kind of movement is in ISO 20022's bank transaction codes: a domain, a family in it, a sub-family in that.
//!
//! The codes are of the external code sets `ExternalBankTransactionDomain1Code`, `…Family1Code` and `…SubFamily1Code`,
//! which the registration authority publishes beside the schemas (iso20022.org, external code sets, bank transaction
//! codes). What those used here mean:
//!
//! | code | what |
//! | --- | --- |
//! | `PMNT` | payments |
//! | `PMNT` `RCDT`, `ICDT` | credit transfers, received and issued |
//! | `… BOOK` | internal book transfer: both accounts are with the same servicer, as all wallets here are |
//! | `… RRTN` | reversal due to payment return: the reimbursement of a credit transfer |
//! | `… RPCR` | reversal due to a request to cancel the payment |
//! | `PMNT` `MCOP`, `MDOP` | miscellaneous credit and debit operations |
//! | `… FEES`, `… ADJT` | fees; adjustments |
//! | `FORX` `SPOT` | foreign exchange, spot |
//! | `… OTHR` | other |

use std::io;

use super::xml::Xml;
use super::{ISSUER, gives_back};
use crate::line::{Direction, LineKind};

/// A domain, a family, a sub-family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BankTransactionCode {
    domain: &'static str,
    family: &'static str,
    sub_family: &'static str,
}

impl BankTransactionCode {
    pub(super) const fn of(kind: LineKind, direction: Direction) -> Self {
        let is_credit = matches!(direction, Direction::Credit);
        // What is given back is of the family of what it gives back: a refund is received of a transfer once issued.
        let is_received = is_credit != gives_back(kind);
        let transfer = if is_received { "RCDT" } else { "ICDT" };
        let operation = if is_credit { "MCOP" } else { "MDOP" };
        let (domain, family, sub_family) = match kind {
            LineKind::Payment | LineKind::Capture | LineKind::Split => ("PMNT", transfer, "BOOK"),
            LineKind::Refund => ("PMNT", transfer, "RRTN"),
            LineKind::Reversal => ("PMNT", transfer, "RPCR"),
            // How the money came or went outside is not known here.
            LineKind::TopUp | LineKind::Withdrawal => ("PMNT", transfer, "OTHR"),
            LineKind::Issue | LineKind::Redemption => ("PMNT", operation, "OTHR"),
            LineKind::Fee => ("PMNT", operation, "FEES"),
            LineKind::Adjustment => ("PMNT", operation, "ADJT"),
            LineKind::Conversion => ("FORX", "SPOT", "OTHR"),
        };
        Self { domain, family, sub_family }
    }

    /// The code, and the kind's own word beside it, because several kinds share a code.
    pub(super) fn write(self, kind: LineKind, xml: &mut Xml<'_>) -> io::Result<()> {
        xml.element("BkTxCd", |xml| {
            xml.element("Domn", |xml| {
                xml.text("Cd", self.domain)?;
                xml.element("Fmly", |xml| {
                    xml.text("Cd", self.family)?;
                    xml.text("SubFmlyCd", self.sub_family)
                })
            })?;
            xml.element("Prtry", |xml| {
                xml.text("Cd", kind.as_str())?;
                xml.text("Issr", ISSUER)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_code_on_either_side() {
        let shown = |kind, direction| {
            let BankTransactionCode { domain, family, sub_family } = BankTransactionCode::of(kind, direction);
            format!("{domain}-{family}-{sub_family}")
        };
        for (kind, credit, debit) in [
            (LineKind::Issue, "PMNT-MCOP-OTHR", "PMNT-MDOP-OTHR"),
            (LineKind::Redemption, "PMNT-MCOP-OTHR", "PMNT-MDOP-OTHR"),
            (LineKind::Payment, "PMNT-RCDT-BOOK", "PMNT-ICDT-BOOK"),
            (LineKind::Capture, "PMNT-RCDT-BOOK", "PMNT-ICDT-BOOK"),
            (LineKind::Refund, "PMNT-ICDT-RRTN", "PMNT-RCDT-RRTN"),
            (LineKind::Reversal, "PMNT-ICDT-RPCR", "PMNT-RCDT-RPCR"),
            (LineKind::Fee, "PMNT-MCOP-FEES", "PMNT-MDOP-FEES"),
            (LineKind::Split, "PMNT-RCDT-BOOK", "PMNT-ICDT-BOOK"),
            (LineKind::Conversion, "FORX-SPOT-OTHR", "FORX-SPOT-OTHR"),
            (LineKind::Adjustment, "PMNT-MCOP-ADJT", "PMNT-MDOP-ADJT"),
            (LineKind::TopUp, "PMNT-RCDT-OTHR", "PMNT-ICDT-OTHR"),
            (LineKind::Withdrawal, "PMNT-RCDT-OTHR", "PMNT-ICDT-OTHR"),
        ] {
            assert_eq!(shown(kind, Direction::Credit), credit);
            assert_eq!(shown(kind, Direction::Debit), debit);
        }
    }
}
