internal import Tracing

extension Span {
  func describe(_ name: LockName, _ backend: String, _ kind: GrantKind) {
    self.updateAttributes { attributes in
      attributes["lock.name"] = "\(name)"
      attributes["lock.backend"] = backend
      attributes["lock.kind"] = kind.rawValue
    }
  }

  func describe(_ token: FencingToken?) {
    guard let token else { return }
    self.updateAttributes { $0["lock.token"] = token.description }
  }

  func fail(with error: any Error) {
    self.recordError(error)
    self.setStatus(SpanStatus(code: .error, message: "\(error)"))
  }

  func end(_ outcome: String) {
    self.updateAttributes { $0["lock.outcome"] = outcome }
    self.end()
  }
}
