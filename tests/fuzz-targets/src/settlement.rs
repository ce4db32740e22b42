//! The settlement machine, with bytes that say what is asked for and which message moves next.

use arbitrary::{Result, Unstructured};

use crate::world::{Input, SECOND, Sent, WALLETS, World, other};

const MAX_INPUTS: usize = 80;
const MAX_STEPS: usize = 12;

/// After every step the plain model says whether a rule was broken, and at the end whether everything came to its end.
pub(crate) fn run(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(shards) = u.int_in_range(1..=4_usize) else { return };
    let Ok(most) = u.int_in_range(2..=WALLETS) else { return };
    let mut world = World::new(shards);
    let mut sent = Sent::default();
    for _ in 0..MAX_INPUTS {
        if u.is_empty() {
            break;
        }
        let Ok(input) = input(&mut u, most) else { break };
        sent.send(&mut world, input);
        for _ in 0..u.int_in_range(0..=MAX_STEPS).unwrap_or_default() {
            world.step(u.arbitrary().unwrap_or_default());
        }
    }
    sent.check(world);
}

fn input(u: &mut Unstructured<'_>, most: u8) -> Result<Input> {
    Ok(match u.int_in_range(0..=20_u8)? {
        0..=4 => {
            let payer = wallet(u, most)?;
            let lines = (0..u.int_in_range(1..=3)?).map(|_| {
                let payee = other(payer, u.int_in_range(1..=most)?);
                Ok((payee, u.int_in_range(1..=30)?, *u.choose(&[0, 1, 2, 3, 4, 9])?))
            });
            Input::Pay { payer, lines: lines.collect::<Result<_>>()?, is_limited: u.arbitrary()? }
        }
        5 => Input::Convert { account: u.int_in_range(1..=4)? },
        6 | 7 => {
            let payer = wallet(u, most)?;
            let payee = other(payer, u.int_in_range(1..=most)?);
            let (minor, number, minutes) =
                (u.int_in_range(1..=40)?, u.int_in_range(0..=4)?, u.int_in_range(1..=40)?);
            Input::Hold { payer, payee, minor, number, minutes, is_limited: u.arbitrary()? }
        }
        8 | 9 => Input::Capture {
            which: u.int_in_range(0..=3)?,
            minor: u.int_in_range(1..=20)?,
            is_final: u.arbitrary()?,
        },
        10 => Input::Release { which: u.int_in_range(0..=3)? },
        11 => Input::Refund {
            which: u.int_in_range(0..=8)?,
            leg: u.int_in_range(0..=4)?,
            minor: u.int_in_range(1..=20)?,
        },
        12 => Input::Reverse { which: u.int_in_range(0..=8)? },
        13 => {
            let leg = |u: &mut Unstructured<'_>| {
                Ok((u.int_in_range(0..=SECOND)?, u.int_in_range(0..=SECOND)?, u.int_in_range(1..=30)?))
            };
            let count = u.int_in_range(1..=4)?;
            Input::Adjust { legs: (0..count).map(|_| leg(u)).collect::<Result<_>>()? }
        }
        14 => Input::Freeze { wallet: wallet(u, most)?, both_ways: u.arbitrary()? },
        15 => Input::Unfreeze { wallet: wallet(u, most)? },
        16 => Input::Configure {
            wallet: wallet(u, most)?,
            overdraft: maybe(u, 50)?,
            ceiling: maybe(u, 150)?,
            per_day: maybe(u, 60)?,
        },
        17 => Input::LimitAccount { account: u.int_in_range(1..=2)?, per_day: maybe(u, 60)? },
        18 => Input::Cancel { payee: u.int_in_range(1..=most)?, number: u.int_in_range(0..=5)? },
        19 => Input::Close { wallet: wallet(u, most)? },
        _ => {
            let minutes = if u.ratio(1, 7)? { u.int_in_range(60..=300)? } else { u.int_in_range(1..=9)? };
            Input::Wait { minutes }
        }
    })
}

fn wallet(u: &mut Unstructured<'_>, most: u8) -> Result<u8> {
    if u.ratio(1, 6)? { Ok(SECOND) } else { u.int_in_range(1..=most) }
}

fn maybe(u: &mut Unstructured<'_>, most: u64) -> Result<Option<u64>> {
    if u.arbitrary()? { u.int_in_range(1..=most).map(Some) } else { Ok(None) }
}
