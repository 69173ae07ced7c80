//! The messages of mining protocols: JSON-RPC, told by method and by the keys of its parameters.

use vedette_sdk::json::{Scanner, Text, Token};

use crate::claim::is_wallet;

/// A message that only a miner sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub note: &'static str,
    /// It alone is enough.
    pub alone: bool,
}

const fn enough(note: &'static str) -> Message {
    Message { note, alone: true }
}

/// Methods that exist in no other protocol.
const METHODS: [(&[u8], &str); 18] = [
    (
        b"mining.subscribe",
        "mining.subscribe: asks a pool for work",
    ),
    (
        b"mining.authorize",
        "mining.authorize: logs a worker in to a pool",
    ),
    (b"mining.submit", "mining.submit: hands a share in"),
    (
        b"mining.configure",
        "mining.configure: agrees on extensions with a pool",
    ),
    (
        b"mining.extranonce.subscribe",
        "mining.extranonce.subscribe: asks a pool for nonces",
    ),
    (
        b"mining.suggest_difficulty",
        "mining.suggest_difficulty: asks a pool for easier work",
    ),
    (
        b"mining.suggest_target",
        "mining.suggest_target: asks a pool for easier work",
    ),
    (b"mining.hello", "mining.hello: greets a pool"),
    (b"eth_submitLogin", "eth_submitLogin: logs in to a pool"),
    (b"eth_getWork", "eth_getWork: asks for work"),
    (b"eth_submitWork", "eth_submitWork: hands a solution in"),
    (
        b"eth_submitHashrate",
        "eth_submitHashrate: tells how fast it mines",
    ),
    (b"getjobtemplate", "getjobtemplate: asks a pool for work"),
    // Without a pool, at a node of the currency's own.
    (
        b"getblocktemplate",
        "getblocktemplate: asks a node for a block to mine",
    ),
    (
        b"get_block_template",
        "get_block_template: asks a node for a block to mine",
    ),
    (b"getwork", "getwork: asks a node for work"),
    (b"submitblock", "submitblock: hands a mined block in"),
    (b"submit_block", "submit_block: hands a mined block in"),
];

/// Keys of parameters that matter, and the bits that stand for them.
const KEYS: [(&[u8], u32); 12] = [
    (b"login", LOGIN),
    (b"pass", PASS),
    (b"agent", AGENT),
    (b"algo", ALGO),
    (b"rigid", RIG),
    (b"job_id", JOB),
    (b"nonce", NONCE),
    (b"result", RESULT),
    (b"pow", RESULT),
    (b"solution", RESULT),
    (b"output", RESULT),
    (b"api_key", API_KEY),
];
const LOGIN: u32 = 1;
const PASS: u32 = 1 << 1;
const AGENT: u32 = 1 << 2;
const ALGO: u32 = 1 << 3;
const RIG: u32 = 1 << 4;
const JOB: u32 = 1 << 5;
const NONCE: u32 = 1 << 6;
const RESULT: u32 = 1 << 7;
/// The login has the form of a wallet.
const WALLET: u32 = 1 << 8;
const API_KEY: u32 = 1 << 9;

/// Methods whose name alone says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    None,
    Login,
    Submit,
    Known(Message),
}

/// The mining messages in some bytes, which may begin and end anywhere.
pub fn messages(bytes: &[u8]) -> Vec<Message> {
    let mut found = Vec::new();
    let mut method = Method::None;
    let mut keys = 0;
    let mut depth = 0u32;
    // Depth of the object that is one message: a batch has them in a list.
    let mut message_depth = 0;
    let mut finish = |method: &mut Method, keys: &mut u32| {
        found.extend(judge(*method, *keys));
        *method = Method::None;
        *keys = 0;
    };
    let mut tokens = Scanner::new(bytes);
    while let Some(token) = tokens.next() {
        match token {
            Token::Open(bracket) => {
                depth += 1;
                if bracket == b'{' && (message_depth == 0 || depth <= message_depth) {
                    finish(&mut method, &mut keys);
                    message_depth = depth;
                }
            }
            Token::Close(_) => {
                depth = depth.saturating_sub(1);
                if depth < message_depth {
                    finish(&mut method, &mut keys);
                    message_depth = 0;
                }
            }
            Token::Key(key) if depth == message_depth && key.is(b"method") => {
                if let Some(Token::Text(name)) = tokens.next() {
                    method = method_of(name);
                }
            }
            Token::Key(key) => {
                let bit = KEYS
                    .iter()
                    .find(|(name, _)| key.is(name))
                    .map_or(0, |(_, bit)| *bit);
                keys |= bit;
                if bit == LOGIN
                    && let Some(Token::Text(login)) = tokens.clone().next()
                    && is_wallet(&login.decode())
                {
                    keys |= WALLET;
                }
            }
            _ => {}
        }
    }
    finish(&mut method, &mut keys);
    found
}

fn method_of(name: Text<'_>) -> Method {
    if name.is(b"login") {
        return Method::Login;
    }
    if name.is(b"submit") || name.is(b"solution") {
        return Method::Submit;
    }
    METHODS
        .iter()
        .find(|(known, _)| name.is(known))
        .map_or(Method::None, |(_, note)| Method::Known(enough(note)))
}

fn judge(method: Method, keys: u32) -> Option<Message> {
    let all = |bits: u32| keys & bits == bits;
    match method {
        Method::Known(message) => Some(message),
        Method::Login if keys & WALLET != 0 => {
            Some(enough("login with a wallet: logs in to a pool"))
        }
        Method::Login if all(LOGIN | PASS) && keys & (ALGO | RIG) != 0 => {
            Some(enough("login with algorithms or a rig: logs in to a pool"))
        }
        // Other services have logins, too.
        Method::Login if all(LOGIN | PASS) || all(API_KEY) => Some(Message {
            note: "login as at a pool",
            alone: false,
        }),
        Method::Submit if all(JOB | NONCE) => {
            Some(enough("submit of a nonce for a job: hands a share in"))
        }
        Method::Submit if all(NONCE | RESULT) => Some(Message {
            note: "submit of a nonce",
            alone: false,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(text: &str) -> Vec<bool> {
        messages(text.as_bytes()).iter().map(|m| m.alone).collect()
    }

    #[test]
    fn messages_however_they_are_written() {
        for text in [
            r#"{"id":1,"method":"mining.subscribe","params":["x"]}"#,
            r#"{ "params" : [ ] , "method"  :  "mining.authorize" , "id" : null }"#,
            r#"{"m\u0065thod":"\u006dining.sub\u0073cribe"}"#,
            r#"[{"id":1,"method":"eth_submitLogin","params":["0x0"]}]"#,
            r#"{"method":"submit","params":{"nonce":"00","job_id":"1","result":"0"}}"#,
            r#"{"method":"login","params":{"login":"x","pass":"x","algo":["rx/0"]}}"#,
            r#"{"jsonrpc":"2.0","id":0,"method":"getblocktemplate","params":[{}]}"#,
            r#"{"id":1,"method":"mining.subscri"#,
        ] {
            let expected = !text.ends_with("subscri");
            assert_eq!(notes(text).contains(&true), expected, "{text}");
        }
    }

    #[test]
    fn a_wallet_is_enough_where_the_rest_was_cut() {
        let wallet = format!(
            "4{}",
            "8edfHu7V9Z84YzzMa6f"
                .repeat(5)
                .get(..94)
                .expect("long enough")
        );
        let text = format!(r#"{{"method":"login","params":{{"login":"{wallet}.rig","pa"#);
        assert_eq!(notes(&text), [true]);
    }

    #[test]
    fn other_protocols_have_methods_too() {
        for text in [
            r#"{"jsonrpc":"2.0","method":"initialize","params":{"result":1}}"#,
            r#"{"method":"eth_getBalance","params":["0x0"]}"#,
            r#"{"method":"notify","params":{"method":"mining.subscribe"}}"#,
            r#"{"text":"mining.subscribe"}"#,
            r#"{"method":"submit","params":{"form":"x"}}"#,
        ] {
            assert!(notes(text).is_empty(), "{text}");
        }
        for text in [
            r#"{"method":"login","params":{"login":"me","pass":"x"}}"#,
            r#"{"method":"login","api_key":"me","id":"login"}"#,
            r#"{"method":"solution","nonce":"00","output":"00"}"#,
        ] {
            assert_eq!(notes(text), [false], "{text}");
        }
    }
}
