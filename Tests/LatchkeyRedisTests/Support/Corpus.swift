@testable import LatchkeyRedis

/// Messages of every kind, with what they mean.
enum Corpus {
  static let frames: [(wire: String, frame: RESPFrame)] = [
    ("+OK\r\n", .reply(text("OK"))),
    ("+\r\n", .reply(text(""))),
    ("-ERR no\r\n", .reply(.error("ERR no"))),
    (":0\r\n", .reply(.integer(0))),
    (":-9223372036854775808\r\n", .reply(.integer(.min))),
    (":9223372036854775807\r\n", .reply(.integer(.max))),
    (":+7\r\n", .reply(.integer(7))),
    ("$-1\r\n", .reply(.null)),
    ("$0\r\n\r\n", .reply(text(""))),
    ("$6\r\na\r\nb\0c\r\n", .reply(text("a\r\nb\0c"))),
    ("*-1\r\n", .reply(.null)),
    ("*0\r\n", .reply(.array([]))),
    (
      "*3\r\n:1\r\n$2\r\nab\r\n*2\r\n+x\r\n-ERR y\r\n",
      .reply(.array([.integer(1), text("ab"), .array([text("x"), .error("ERR y")])]))
    ),
    ("_\r\n", .reply(.null)),
    ("#t\r\n", .reply(.boolean(true))),
    ("#f\r\n", .reply(.boolean(false))),
    (",1.5\r\n", .reply(.double(1.5))),
    (",-1e-3\r\n", .reply(.double(-0.001))),
    (",10\r\n", .reply(.double(10))),
    (",inf\r\n", .reply(.double(.infinity))),
    (",-inf\r\n", .reply(.double(-.infinity))),
    ("(3492890328409238509324850943850943825024385\r\n", .reply(text("3492890328409238509324850943850943825024385"))),
    ("(-5\r\n", .reply(text("-5"))),
    ("!10\r\nERR\r\nlines\r\n", .reply(.error("ERR\r\nlines"))),
    ("=8\r\ntxt:half\r\n", .reply(text("half"))),
    ("%2\r\n+a\r\n:1\r\n+b\r\n%0\r\n", .reply(.map([text("a"), .integer(1), text("b"), .map([])]))),
    ("~2\r\n:1\r\n~0\r\n", .reply(.array([.integer(1), .array([])]))),
    (">3\r\n+message\r\n$1\r\nc\r\n$2\r\nhi\r\n", .push([text("message"), text("c"), text("hi")])),
    ("|1\r\n+ttl\r\n:9\r\n+kept\r\n", .reply(text("kept"))),
    ("|0\r\n+kept\r\n", .reply(text("kept"))),
    ("*2\r\n|1\r\n+a\r\n*1\r\n+b\r\n:1\r\n:2\r\n", .reply(.array([.integer(1), .integer(2)]))),
    ("|1\r\n+a\r\n+b\r\n>1\r\n+x\r\n", .push([text("x")])),
  ]

  /// What no server may send.
  static let malformed = [
    "HTTP/1.1 400 Bad Request\r\n", "\r\n", "\n", " ", "\0", "OK\r\n", "+OK\n", ":\r\n", ":x\r\n", ":1 \r\n", ": 1\r\n",
    ":1.0\r\n",
    ":9223372036854775808\r\n", ":--1\r\n", ":0x10\r\n", "$\r\n", "$x\r\n", "$-2\r\n", "$+1\r\na\r\n", "$1\r\nab\r\n",
    "$1\r\na\n\r", "$9223372036854775807\r\n", "$99999999999999999999\r\n", "$67108865\r\n", "$?\r\n;1\r\na\r\n;0\r\n",
    "*?\r\n.\r\n",
    "*-2\r\n", "*x\r\n", "*1048577\r\n", "*9223372036854775807\r\n", "%524289\r\n", "%9223372036854775807\r\n",
    "%-1\r\n", "~-1\r\n",
    ">0\r\n", ">-1\r\n", "*1\r\n>1\r\n+x\r\n", "_x\r\n", "#\r\n", "#true\r\n", ",\r\n", ",x\r\n", ",1,5\r\n",
    ",infinity\r\n", ",0x1p3\r\n",
    "(\r\n", "(-\r\n", "(12a\r\n", "=-1\r\n", "=3\r\ntxt\r\n", "=5\r\nabcde\r\n", "!-1\r\n", "*1\r\nx\r\n", "|-1\r\n",
    ".\r\n", ";1\r\n",
  ]

  static func text(_ string: String) -> RedisValue { .string(Array(string.utf8)) }
}
