//! Receipts and heads: what proves to anybody, without this server, what its journal says.

use quittance_barcode::KeyId;
use quittance_journal::{BlockView, ConsistencyProof, Receipt, SignedHead};
use quittance_ledger::{Authority, TransferId};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::order::{Party, TransferProof};

impl Engine {
    /// The journal's end, signed by the server's key in use.
    #[must_use]
    pub fn signed_head(&self) -> SignedHead {
        let head = self.heads.head(self.clock.now());
        SignedHead::sign(head, &self.config.origin.url(), |message| {
            let (key, signature) = self.keys.seal().sign_head(message);
            (KeyId::to_bytes(key), signature)
        })
    }

    /// What shows that a head of `old` blocks is the beginning of one of `new`: nothing was rewritten between them.
    ///
    /// # Errors
    /// The journal has fewer blocks, or `old` is more than `new`; or the store can't be read.
    pub fn consistency(&self, old: u64, new: u64) -> Result<ConsistencyProof, EngineError> {
        Ok(self.heads.consistency(old, new)?)
    }

    /// What proves a transfer under a head that is made now; none where there is no such transfer, or the party has no part
    /// in it. Settled and refused transfers have one.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn receipt(&self, party: Party, id: TransferId) -> Result<Option<TransferProof>, EngineError> {
        let Some(record) = self.transfer(party, id)? else { return Ok(None) };
        // It is in the journal before it can be found, so a head of now reaches as far.
        let head = self.signed_head();
        let bytes = self.history.block_bytes(record.position)?;
        let block = BlockView::read(&bytes).map_err(|error| EngineError::Damaged(error.to_string()))?;
        let path = self.heads.prove_block(block.header().index, head.head.blocks)?;
        let signer = match record.transfer.authority {
            Authority::Operator => None,
            Authority::Device { account, device } => self.directory.device_key(account, device),
        };
        let receipt = Receipt::new(&block, record.position, path, head);
        Ok(receipt.map(|receipt| TransferProof { receipt, signer }))
    }
}
