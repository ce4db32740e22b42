//! kill -9 in the middle of the busiest hour. What was acknowledged is there; what was not is asked for again under its id.

use quittance_gateway::client::{NewPaymentRequest, Payment, Transfer, TransferStatus, new_transfer_id};
use quittance_ledger::{TransferId, Usage};
use quittance_test_support::{Party, ask, euro, payment};
use tokio::sync::watch;

use super::holds::arrive;
use super::town::Town;

/// How many payments are answered before the power fails.
const ANSWERED: usize = 40;

/// A person's payments, in order; the last one may have gone unanswered.
struct Hour {
    paid: Vec<Transfer>,
    open: Option<(TransferId, u64)>,
}

pub(crate) async fn play(town: &mut Town) {
    let hold = arrive(town, &town.people.ben, 900, 3_600).await;
    let new = NewPaymentRequest { usage: Some(Usage::Reusable), ..NewPaymentRequest::of(None, euro()) };
    let sticker = ask(&town.people.cafe, &new).await;
    let answered = watch::Sender::new(0);
    let mut tasks = Vec::new();
    for person in town.people.persons() {
        let (person, barcode) = (person.clone(), sticker.barcode.text.clone());
        tasks.push(tokio::spawn(pay_until_it_ends(person, barcode, answered.clone())));
    }
    answered.subscribe().wait_for(|count| *count >= ANSWERED).await.unwrap();
    town.kill();
    let mut hours = Vec::new();
    for task in tasks {
        hours.push(task.await.unwrap());
    }
    let unanswered = hours.iter().filter(|hour| hour.open.is_some()).count();
    town.restart();
    let mut all = Vec::new();
    for (person, hour) in town.people.persons().into_iter().zip(hours) {
        all.extend(hour.paid.iter().map(|paid| (paid.position, paid.payer, paid.amount)));
        if let Some((id, amount)) = hour.open {
            let again = Payment { id, amount: Some(amount), ..payment(person, &sticker.barcode.text) };
            let paid = person.client.pay(&again).await.unwrap();
            assert_eq!((paid.id, paid.status, paid.amount), (id, TransferStatus::Settled, amount));
            all.push((paid.position, paid.payer, paid.amount));
        }
    }
    // Eight people paid side by side: which came first, the journal says.
    all.sort_unstable();
    for (_, payer, amount) in all {
        let mut book = town.book();
        book.paid(payer, town.people.cafe.wallet, amount);
        book.settled += 1;
    }
    println!("     {} payments were answered, {unanswered} were not", *answered.borrow());
    // What was set aside before is set aside still.
    let hotel = &town.people.hotel;
    assert_eq!(hotel.client.show_hold(hold.id).await.unwrap().remaining, 900);
    hotel.client.release(hold.id).await.unwrap();
    town.book().let_go(hold.payer, 900);
}

async fn pay_until_it_ends(person: Party, barcode: String, answered: watch::Sender<usize>) -> Hour {
    let mut hour = Hour { paid: Vec::new(), open: None };
    for amount in (1..=9).cycle() {
        let id = new_transfer_id().unwrap();
        let new = Payment { id, amount: Some(amount), ..payment(&person, &barcode) };
        match person.client.pay(&new).await {
            Ok(paid) => {
                assert_eq!((paid.id, paid.status, paid.amount), (id, TransferStatus::Settled, amount));
                hour.paid.push(paid);
                answered.send_modify(|count| *count += 1);
            }
            Err(error) => {
                assert!(error.is_open(), "{error}");
                hour.open = Some((id, amount));
                break;
            }
        }
    }
    hour
}
