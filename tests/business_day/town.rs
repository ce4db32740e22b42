//! Who lives in the town, and what they do with each other: done at the server, and written into the book.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use quittance_gateway::client::{
    Client, ClientError, NewPaymentRequest, NewWallet, Payment, PaymentRequest, ProblemDetails, Transfer,
    TransferStatus, UnitsMovement, Wallet, new_transfer_id, rfc3339, unix_millis,
};
use quittance_ledger::{AccountKind, CurrencyCode, KeyAlgorithm, Timestamp, WalletId};
use quittance_test_support::{Home, Party, Server, accounts_wallets, ask, euro, join_as, payment};

use super::BINARY;
use super::book::Book;

const DAY_MS: u64 = 24 * 3_600 * 1_000;
const LONGEST_DAY_MS: u64 = 5 * 60 * 1_000;

/// The town, its server, and the test's own book.
pub(crate) struct Town {
    pub(crate) home: Home,
    /// None while it is down.
    pub(crate) server: Option<Server>,
    pub(crate) operator: Client,
    pub(crate) people: People,
    /// The wallets of each currency that its units come from.
    pub(crate) issuers: BTreeMap<CurrencyCode, WalletId>,
    /// What everything held at the end of each chapter.
    pub(crate) past: Vec<Past>,
    book: Mutex<Book>,
}

/// What everything held at an instant.
pub(crate) struct Past {
    pub(crate) chapter: &'static str,
    pub(crate) at: String,
    pub(crate) balances: BTreeMap<WalletId, i64>,
}

/// Everybody. Each has a wallet in euros.
pub(crate) struct People {
    pub(crate) ada: Party,
    pub(crate) ben: Party,
    pub(crate) cleo: Party,
    pub(crate) dag: Party,
    pub(crate) eva: Party,
    pub(crate) finn: Party,
    pub(crate) gil: Party,
    pub(crate) hana: Party,
    pub(crate) cafe: Party,
    pub(crate) bookshop: Party,
    pub(crate) hotel: Party,
    pub(crate) kiosk: Party,
    pub(crate) agent: Party,
    /// The market maker.
    pub(crate) bureau: Party,
    pub(crate) charity: Party,
    pub(crate) tax_office: Party,
    /// Where the operator's fees go.
    pub(crate) house: Party,
}

impl People {
    async fn move_in(operator: &Client) -> Self {
        let person = async |name, algorithm| join_as(operator, name, AccountKind::Person, algorithm).await;
        let business =
            async |name| join_as(operator, name, AccountKind::Business, KeyAlgorithm::Ed25519).await;
        let (phone, chip) = (KeyAlgorithm::Ed25519, KeyAlgorithm::P256);
        Self {
            ada: person("Ada", chip).await,
            ben: person("Ben", phone).await,
            cleo: person("Cleo", chip).await,
            dag: person("Dag", phone).await,
            eva: person("Eva", chip).await,
            finn: person("Finn", phone).await,
            gil: person("Gil", chip).await,
            hana: person("Hana", phone).await,
            cafe: business("Café Zentral").await,
            bookshop: business("Bookshop").await,
            hotel: business("Hotel Post").await,
            kiosk: business("Kiosk").await,
            agent: business("Agent at the Corner").await,
            bureau: business("Bureau de Change").await,
            charity: business("Charity").await,
            tax_office: business("Tax Office").await,
            house: business("House").await,
        }
    }

    /// Those who pay: the persons.
    pub(crate) const fn persons(&self) -> [&Party; 8] {
        [&self.ada, &self.ben, &self.cleo, &self.dag, &self.eva, &self.finn, &self.gil, &self.hana]
    }

    const fn businesses(&self) -> [&Party; 9] {
        [
            &self.cafe,
            &self.bookshop,
            &self.hotel,
            &self.kiosk,
            &self.agent,
            &self.bureau,
            &self.charity,
            &self.tax_office,
            &self.house,
        ]
    }

    pub(crate) fn everybody(&self) -> Vec<&Party> {
        self.persons().into_iter().chain(self.businesses()).collect()
    }

    fn everybody_mut(&mut self) -> [&mut Party; 17] {
        [
            &mut self.ada,
            &mut self.ben,
            &mut self.cleo,
            &mut self.dag,
            &mut self.eva,
            &mut self.finn,
            &mut self.gil,
            &mut self.hana,
            &mut self.cafe,
            &mut self.bookshop,
            &mut self.hotel,
            &mut self.kiosk,
            &mut self.agent,
            &mut self.bureau,
            &mut self.charity,
            &mut self.tax_office,
            &mut self.house,
        ]
    }
}

impl Town {
    /// A server with its currencies, and everybody moved in.
    pub(crate) async fn new() -> Self {
        let home = Home::keeping_its_port(BINARY);
        let server = home.start();
        let operator = server.operator();
        let mut book = Book::default();
        let mut issuers = BTreeMap::new();
        for (code, exponent) in [(euro(), None), (yen(), None), (miles(), Some(0))] {
            let issuer = operator.register_currency(code, exponent).await.unwrap().issuer_wallet;
            book.open(issuer, &format!("issuer of {code}"), code);
            issuers.insert(code, issuer);
        }
        let people = People::move_in(&operator).await;
        for party in people.everybody() {
            book.open(party.wallet, party.name, euro());
        }
        let (past, book) = (Vec::new(), Mutex::new(book));
        println!("A business day at {}", server.origin());
        Self { home, server: Some(server), operator, people, issuers, past, book }
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    /// The wallet of a currency other than the euro that somebody opened.
    pub(crate) fn wallet_of(&self, party: &Party, currency: CurrencyCode) -> WalletId {
        let book = self.book();
        let found = book.rows().find(|(_, row)| row.whose == party.name && row.currency == currency);
        found.unwrap_or_else(|| panic!("{} has no wallet of {currency}", party.name)).0
    }

    /// Opens one more wallet of somebody's.
    pub(crate) async fn open_wallet(&self, party: &Party, currency: CurrencyCode) -> WalletId {
        let new = NewWallet { id: None, account: None, currency, name: None };
        let wallet = party.client.open_wallet(&new).await.unwrap().id;
        self.book().open(wallet, party.name, currency);
        wallet
    }

    /// The operator lets units into a wallet.
    pub(crate) async fn issue(&self, wallet: WalletId, amount: u64) {
        let currency = self.book().row(wallet).currency;
        let movement =
            UnitsMovement { id: new_transfer_id().unwrap(), amount, currency, reference: Some("FLOAT") };
        self.operator.issue(wallet, &movement).await.unwrap();
        let mut book = self.book();
        book.moved(self.issuers[&currency], wallet, amount);
        book.settled += 1;
    }

    /// Pays a barcode with the payer's PIN.
    pub(crate) async fn pay(&self, payer: &Party, request: &PaymentRequest, amount: u64) -> Transfer {
        self.pay_out_of(payer, payer.wallet, request, amount).await
    }

    /// Pays a barcode out of a certain wallet of the payer's.
    pub(crate) async fn pay_out_of(
        &self,
        payer: &Party,
        wallet: WalletId,
        request: &PaymentRequest,
        amount: u64,
    ) -> Transfer {
        let paid = payer.client.pay(&confirmed(payer, wallet, request, amount)).await.unwrap();
        assert_eq!((paid.status, paid.amount), (TransferStatus::Settled, amount));
        assert_eq!((paid.payer, paid.payee, paid.request), (wallet, request.wallet, Some(request.id)));
        let mut book = self.book();
        book.paid(wallet, request.wallet, amount);
        book.settled += 1;
        paid
    }

    /// Tries to pay a barcode, which must be refused.
    pub(crate) async fn refuses_to_pay(
        &self,
        payer: &Party,
        request: &PaymentRequest,
        amount: u64,
        slug: &str,
    ) {
        let answer = payer.client.pay(&confirmed(payer, payer.wallet, request, amount)).await;
        refused(answer, slug);
    }

    /// A one-time request for an amount, and its payment.
    pub(crate) async fn buy(&self, payer: &Party, payee: &Party, amount: u64) -> Transfer {
        let request = ask(payee, &NewPaymentRequest::of(Some(amount), euro())).await;
        self.pay(payer, &request, amount).await
    }

    /// Every wallet there is, as the operator sees it.
    pub(crate) async fn wallets(&self) -> Vec<Wallet> {
        let accounts: Vec<_> = self.people.everybody().iter().map(|party| party.account).collect();
        let mut wallets = accounts_wallets(&self.operator, &accounts).await;
        for issuer in self.issuers.values() {
            wallets.push(self.operator.wallet(*issuer).await.unwrap());
        }
        wallets
    }

    /// Holds every wallet against the book, and says so.
    pub(crate) async fn end_chapter(&mut self, chapter: &'static str) {
        let wallets = self.wallets().await;
        self.tell(chapter, &wallets);
        let at = now();
        let balances = self.book().balances();
        self.past.push(Past { chapter, at: rfc3339(at), balances });
        // What comes next must be later than that instant.
        while now() <= at {
            tokio::task::yield_now().await;
        }
    }

    fn tell(&self, chapter: &str, wallets: &[Wallet]) {
        let book = self.book();
        book.compare(chapter, wallets);
        let sums = book.in_circulation();
        let sums: Vec<String> = sums.iter().map(|(code, sum)| format!("{sum} {code}")).collect();
        println!("{:>3}  {chapter}", self.past.len() + 1);
        println!(
            "     {} transfers settled; {} wallets agree; {} minor units go round",
            book.settled,
            wallets.len(),
            sums.join(", ")
        );
    }

    /// Ends the server as a power failure does.
    pub(crate) fn kill(&mut self) {
        self.server.take().unwrap().kill();
    }

    /// Starts it again. Connections to the server before are of no use any more.
    pub(crate) fn restart(&mut self) {
        let server = self.home.start();
        self.operator = server.operator();
        self.server = Some(server);
        for party in self.people.everybody_mut() {
            party.client = party.client.apart();
        }
    }
}

/// A payment with all that the payer was shown.
pub(crate) fn confirmed<'a>(
    payer: &'a Party,
    wallet: WalletId,
    request: &'a PaymentRequest,
    amount: u64,
) -> Payment<'a> {
    let currency = Some(request.currency);
    Payment { payer: wallet, amount: Some(amount), currency, ..payment(payer, &request.barcode.text) }
}

/// The refusal that is due.
#[track_caller]
pub(crate) fn refused<T: Debug>(answer: Result<T, ClientError>, slug: &str) -> ProblemDetails {
    match answer {
        Err(ClientError::Problem(problem)) => {
            assert_eq!(problem.slug(), slug, "{problem}");
            *problem
        }
        other => panic!("{slug} was due, not {other:?}"),
    }
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(unix_millis())
}

pub(crate) fn yen() -> CurrencyCode {
    "JPY".parse().unwrap()
}

/// The town's own currency.
pub(crate) fn miles() -> CurrencyCode {
    "X-MILES".parse().unwrap()
}

/// Limits are per day, so this day must not end while it is played.
pub(crate) async fn begin_in_the_middle_of_a_day() {
    while DAY_MS - unix_millis() % DAY_MS < LONGEST_DAY_MS {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
