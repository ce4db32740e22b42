//! Ids that have one hash, which no client can look for: here they are planted.

use pollster::block_on;
use quittance_ledger::{Amount, Currency, Leg, Purpose, Refusal, id_slice};

use super::*;
use crate::audit::audit;
use crate::clock::system_now;
use crate::config::EngineConfig;
use crate::engine::Engine;
use crate::keys::Keys;
use crate::order::{MoveOrder, OperatorOrder, Party};

const KEY: [u8; 16] = [7; 16];

fn id(n: u8) -> TransferId {
    id_at(system_now(), n)
}

fn id_at(made_at: Timestamp, n: u8) -> TransferId {
    let [_, _, a, b, c, d, e, f] = made_at.as_millis().to_be_bytes();
    TransferId::from_bytes([a, b, c, d, e, f, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, n]).unwrap()
}

fn transfer(id: TransferId) -> Transfer {
    let [payer, payee] = [1, 2].map(|n| quittance_ledger::WalletId::from_bytes([n; 16]).unwrap());
    let (amount, currency) = (Amount::new(5).unwrap(), "EUR".parse().unwrap());
    let leg = Leg { payer, payee, amount, currency, purpose: Purpose::Issue, reference: None };
    Transfer::new(id, quittance_ledger::Authority::Operator, leg)
}

/// Makes a finished transfer one that may have this id.
fn plant(admission: &Admission, id: TransferId, position: Position) {
    let hash = admission.id_key.hash(id);
    admission.stripe(hash).lock().restore(id_slice(id.made_at()), 1, [(hash, position.get())]);
}

/// Between the reading of a record and the next claim, another may take the id, and may even be done with it.
#[test]
fn who_was_reading_finds_what_another_did_meanwhile() {
    let now = system_now();
    let admission = Admission::new(10, 60_000, now, IdKey::from_bytes(KEY));
    let transfer = transfer(id(1));
    let planted = Position::new(3);
    plant(&admission, transfer.id, planted);
    let claim = |ruled_out: &[Position]| admission.claim(&transfer, now, ruled_out, || Ok(())).unwrap();
    let reader = claim(&[]);
    assert!(matches!(reader, Claimed::Perhaps(position) if position == planted));
    let Claimed::New(mut first) = claim(&[planted]) else { panic!("it is new") };
    let Claimed::UnderWay(mut second) = claim(&[planted]) else { panic!("it is under way") };
    // Whoever has looked at no record yet is not sent to one.
    assert!(matches!(claim(&[]), Claimed::UnderWay(_)));
    let outcome = Outcome { position: Position::new(9), at: now, transfer: &transfer, refusal: None };
    admission.complete(&outcome);
    for waiter in [&mut first, &mut second] {
        assert_eq!(waiter.try_recv().unwrap().position, Position::new(9));
    }
    assert!(matches!(claim(&[planted]), Claimed::Perhaps(position) if position == Position::new(9)));
    assert_eq!(admission.slots.available_permits(), 10);
}

#[test]
fn all_ids_are_restored_by_one_thread_or_several() {
    let now = system_now();
    for threads in [1, 3] {
        let admission = Admission::new(10, 60_000, now, IdKey::from_bytes(KEY));
        let entry = |n: u8| (admission.id_key.hash(id_at(now, n)), Position::new(n.into()));
        let entries: Vec<_> = (0..200).map(entry).collect();
        // Written at different times; the last to one stripe alone.
        let values = [&entries[..70], &entries[70..199], &entries[199..]].map(<[_]>::to_vec);
        let threads = NonZeroUsize::new(threads).unwrap();
        admission.restore_on(threads, id_slice(now), &IdsOfSlice::of_values(values));
        for n in 0..200 {
            assert_eq!(admission.positions_of(id_at(now, n)), [Position::new(n.into())], "{n}");
        }
    }
}

#[test]
fn an_id_with_the_hash_of_another_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let config = || EngineConfig::new(folder.path().join("store"), "http://127.0.0.1:7400".parse().unwrap());
    let keys = || Keys::load_or_create(&folder.path().join("keys")).unwrap();
    let engine = Engine::start(config(), keys()).unwrap();
    let eur = Currency::new("EUR".parse().unwrap(), None).unwrap();
    block_on(engine.register_currency(eur)).unwrap();
    let kind = quittance_ledger::AccountKind::Person;
    let (account, _) = block_on(engine.open_account(None, "Ada".parse().unwrap(), kind)).unwrap();
    let [wallet, other] =
        [(); 2].map(|()| block_on(engine.open_wallet(account.id, None, eur.code(), None)).unwrap().id);
    let order = |id, minor| OperatorOrder {
        id,
        wallet,
        amount: Amount::new(minor).unwrap(),
        currency: eur.code(),
        reference: None,
    };
    let ids = [1, 2, 3, 4].map(id);
    let first = block_on(engine.issue(order(ids[0], 100))).unwrap();
    ids.iter().for_each(|id| {
        if *id != ids[0] {
            plant(&engine.admission, *id, first.position)
        }
    });
    assert_eq!(engine.transfer(Party::Operator, ids[1]).unwrap(), None);
    let second = block_on(engine.issue(order(ids[1], 100))).unwrap();
    assert_ne!(second.position, first.position);
    assert_eq!(block_on(engine.issue(order(ids[1], 100))).unwrap(), second);
    assert_eq!(engine.transfer(Party::Operator, ids[1]).unwrap(), Some(second));
    let conflict = block_on(engine.issue(order(ids[1], 101)));
    assert!(matches!(conflict, Err(EngineError::Refused(Refusal::IdConflict))), "{conflict:?}");

    let moved = |id| MoveOrder {
        id,
        payer: wallet,
        payee: other,
        amount: Amount::new(5).unwrap(),
        currency: eur.code(),
        reference: None,
    };
    // The last is asked for twice in one batch.
    let batch = [ids[0], ids[2], ids[3], ids[3]].map(moved);
    let answers = block_on(engine.move_batch(&batch)).unwrap();
    assert!(matches!(answers[0], Err(EngineError::Refused(Refusal::IdConflict))), "{answers:?}");
    let settled = |answers: &[Result<Moved, EngineError>]| -> Vec<Moved> {
        answers[1..].iter().map(|answer| *answer.as_ref().unwrap()).collect()
    };
    let first_answers = settled(&answers);
    assert_eq!(first_answers[1], first_answers[2]);
    assert_ne!(first_answers[0].position, first_answers[1].position);
    assert_eq!(settled(&block_on(engine.move_batch(&batch)).unwrap()), first_answers);
    drop(engine);
    audit(&folder.path().join("store")).unwrap();
    // The memory comes from the index.
    let engine = Engine::start(config(), keys()).unwrap();
    assert_eq!(settled(&block_on(engine.move_batch(&batch)).unwrap()), first_answers);
    assert_eq!(block_on(engine.issue(order(ids[0], 100))).unwrap(), first);
}
