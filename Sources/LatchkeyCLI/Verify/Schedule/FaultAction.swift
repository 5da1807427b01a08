/// The kinds of faults that `--faults` names.
enum FaultKind: String, CaseIterable, Codable, Sendable {
  case kill
  case pause
  case cut
  case expire
  case clock
  case partition

  /// What it does, for the help.
  var summary: String {
    switch self {
    case .kill: "servers (the leader too) and clients are killed and started again"
    case .pause: "servers and clients stop (SIGSTOP), clients past the timeout"
    case .cut: "connections of a client or server lose all, one way or both"
    case .expire: "the holder's session, lease or key is ended from outside"
    case .clock: "the wall clock of one client is set forth and back"
    case .partition: "one member is cut off from its leader, and answers its clients"
    }
  }
}

/// One thing that is done to servers, clients or what lies between them.
enum FaultAction: Codable, Hashable, Sendable {
  /// Which server, decided when the time has come.
  enum Server: Codable, Hashable, Sendable {
    case leader
    case number(Int)
  }

  /// Which client process, decided when the time has come.
  enum Client: Codable, Hashable, Sendable {
    case holder
    case number(Int)
  }

  /// What is lost, seen from the client, or from the member that is cut off.
  enum Way: String, Codable, CaseIterable, Sendable {
    case requests
    case replies
    case both
  }

  case killServer(Server)
  case pauseServer(Server)
  case cutServer(Server, Way)
  case isolateServer(Server, Way)
  case killClient(Client)
  case pauseClient(Client)
  case cutClient(Client, Way)
  case expireHolder
  /// The wall clock of the client that has one of its own is so many seconds off from now on.
  case setClock(offset: Int)

  var kind: FaultKind {
    switch self {
    case .killServer, .killClient: .kill
    case .pauseServer, .pauseClient: .pause
    case .cutServer, .cutClient: .cut
    case .isolateServer: .partition
    case .expireHolder: .expire
    case .setClock: .clock
    }
  }

  /// Whether it is meant for the holder of the lock.
  var isAtHolder: Bool {
    switch self {
    case .expireHolder, .pauseClient(.holder), .cutClient(.holder, _), .killClient(.holder): true
    default: false
    }
  }

  var isOnServer: Bool {
    switch self {
    case .killServer, .pauseServer, .cutServer, .isolateServer: true
    case .killClient, .pauseClient, .cutClient, .expireHolder, .setClock: false
    }
  }

  /// What is counted as one: the action without its particulars.
  var name: String {
    switch self {
    case .killServer(.leader): "kill leader"
    case .killServer: "kill server"
    case .pauseServer(.leader): "pause leader"
    case .pauseServer: "pause server"
    case .cutServer(_, let way): way == .both ? "cut server" : "cut server one way"
    case .isolateServer(.leader, _): "partition leader"
    case .isolateServer: "partition member"
    case .killClient: "kill client"
    case .pauseClient: "pause client"
    case .cutClient(_, let way): way == .both ? "cut client" : "cut client one way"
    case .expireHolder: "expire holder"
    case .setClock: "set clock"
    }
  }
}

/// A fault with its time.
struct PlannedFault: Codable, Hashable, Sendable {
  /// When, counted from the beginning of the faults.
  var at: Duration
  /// For how long; zero for what is done at once.
  var length: Duration
  var action: FaultAction
  /// Whether the holder of the lock is to keep it until the fault is over and a little longer.
  var findsHolder = false
  /// Whether that holder stops looking at its lease: only the lease's own notification then reports a loss.
  var isUnwatched = false
}

/// A fault as it was done.
struct InjectedFault: Codable, Hashable, Sendable {
  var planned: PlannedFault
  /// The place of the server or client that it fell on; nil if there was none to be found.
  var place: Int?
  /// When it began, and when it was over: a killed server answers again, a paused process runs.
  var from: UInt64
  var until: UInt64
  /// Whether it was seen to do something: a process stopped or gone, bytes lost, a session ended, a clock set.
  var hasBitten = false
  /// Why it did nothing, or what it did.
  var note = ""

  var action: FaultAction { self.planned.action }

  /// For people.
  var text: String {
    "\(self.action.name)\(self.place.map { " \($0 + 1)" } ?? "")\(self.note.isEmpty ? "" : ": \(self.note)")"
  }

  var isOnServer: Bool { self.action.isOnServer }
}
