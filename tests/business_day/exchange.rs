//! The market maker converts at its rate: what it takes and what it gives settle together.

use quittance_gateway::client::{
    Client, Money, NewQuote, NewRate, Quote, QuoteAmount, RequestStatus, TransferPurpose, TransferStatus,
    new_transfer_id,
};
use quittance_test_support::{Party, euro, eventually};

use super::town::{Town, refused, yen};

pub(crate) async fn play(town: &Town) {
    let (bureau, ada, ben) = (&town.people.bureau, &town.people.ada, &town.people.ben);
    let (euros, yens) = (bureau.wallet, town.wallet_of(bureau, yen()));
    let rate = NewRate { rate: "162.35", taker: euros, giver: yens, quote_lifetime_s: Some(600) };
    let set = town.operator.set_rate(euro(), yen(), &rate).await.unwrap();
    assert_eq!((set.rate.as_str(), set.quote_lifetime_s), ("162.35", 600));
    let back = NewRate { rate: "0.006", taker: yens, giver: euros, quote_lifetime_s: Some(600) };
    town.operator.set_rate(yen(), euro(), &back).await.unwrap();
    assert_eq!(ada.client.rates().await.unwrap().len(), 2);

    let hers = town.wallet_of(ada, yen());
    // 20.00 EUR are 3,247 yen; what is wanted in full is rounded up, and what is given is rounded down.
    for (amount, give, get) in [
        (QuoteAmount::Give(2_000), 2_000, 3_247),
        (QuoteAmount::Give(101), 101, 163),
        (QuoteAmount::Get(500), 308, 500),
    ] {
        let quote = ada.client.quote(&NewQuote { from: ada.wallet, to: hers, amount }).await.unwrap();
        assert_eq!((quote.give.amount, quote.get.amount), (give, get));
        assert_eq!((quote.give.currency, quote.get.currency), (euro(), yen()));
        convert(town, ada, &quote).await;
    }
    // And back: 1,000 yen are 6.00 EUR.
    let amount = QuoteAmount::Give(1_000);
    let quote = ada.client.quote(&NewQuote { from: hers, to: ada.wallet, amount }).await.unwrap();
    assert_eq!(quote.get.amount, 600);
    convert(town, ada, &quote).await;

    a_quote_is_for_one(town, ada, ben).await;
    a_quote_ends(town, ada).await;
    let too_small = NewQuote { from: hers, to: ada.wallet, amount: QuoteAmount::Give(1) };
    refused(ada.client.quote(&too_small).await, "quote-too-small");
    town.operator.remove_rate(yen(), euro()).await.unwrap();
    refused(ada.client.quote(&too_small).await, "rate-unknown");
}

async fn convert(town: &Town, party: &Party, quote: &Quote) {
    let id = new_transfer_id().unwrap();
    let converted = party.client.convert(id, quote, party.pin).await.unwrap();
    assert_eq!((converted.status, converted.purpose), (TransferStatus::Settled, TransferPurpose::Payment));
    let Quote { request, give, get, giver, from, to, .. } = quote;
    let moved: Vec<_> =
        converted.legs.iter().map(|leg| (leg.payer, leg.payee, leg.amount, leg.currency)).collect();
    assert_eq!(
        moved,
        [(*from, request.wallet, give.amount, give.currency), (*giver, *to, get.amount, get.currency)]
    );
    assert_eq!(converted.legs[1].purpose, TransferPurpose::Conversion);
    {
        let mut book = town.book();
        book.paid(*from, request.wallet, give.amount);
        book.moved(*giver, *to, get.amount);
        book.settled += 1;
    }
    assert_eq!(party.client.convert(id, quote, party.pin).await.unwrap(), converted);
    let again = party.client.convert(new_transfer_id().unwrap(), quote, party.pin).await;
    refused(again, "request-paid");
}

async fn a_quote_is_for_one(town: &Town, ada: &Party, ben: &Party) {
    let hers = town.wallet_of(ada, yen());
    let new = NewQuote { from: ada.wallet, to: hers, amount: QuoteAmount::Give(1_000) };
    let quote = ada.client.quote(&new).await.unwrap();
    let stolen = Quote { from: ben.wallet, ..quote.clone() };
    refused(ben.client.convert(new_transfer_id().unwrap(), &stolen, ben.pin).await, "request-for-another");
    // Whoever signs for more than was quoted has not signed what would be settled.
    let better = Quote { get: Money { amount: quote.get.amount + 1, ..quote.get.clone() }, ..quote };
    let answer = ada.client.convert(new_transfer_id().unwrap(), &better, ada.pin).await;
    refused(answer, "statement-not-signed");
    let to_another = NewQuote { to: town.wallet_of(ben, yen()), ..new };
    refused(ada.client.quote(&to_another).await, "wallet-unknown");
}

async fn a_quote_ends(town: &Town, ada: &Party) {
    let (operator, bureau): (&Client, _) = (&town.operator, &town.people.bureau);
    let (euros, yens) = (bureau.wallet, town.wallet_of(bureau, yen()));
    let rate = NewRate { rate: "162.35", taker: euros, giver: yens, quote_lifetime_s: Some(1) };
    operator.set_rate(euro(), yen(), &rate).await.unwrap();
    let hers = town.wallet_of(ada, yen());
    let new = NewQuote { from: ada.wallet, to: hers, amount: QuoteAmount::Give(1_000) };
    let quote = ada.client.quote(&new).await.unwrap();
    let request = quote.request;
    eventually("the quote has ended", async || {
        let asked = operator.payment_request(request.wallet, request.id).await.unwrap();
        asked.status == RequestStatus::Expired
    })
    .await;
    refused(ada.client.convert(new_transfer_id().unwrap(), &quote, ada.pin).await, "request-expired");
}
