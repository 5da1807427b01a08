internal import NIOSSL

extension RedisConnection.Configuration {
  /// How connections are encrypted, and whom to believe.
  public struct TLS: Hashable, Sendable {
    /// What is checked of the server's certificate.
    public enum Verification: Hashable, Sendable {
      /// That an authority vouches for it, and that it is that of the host which was asked for.
      case full
      /// That an authority vouches for it, whatever host it names.
      case authorityOnly
      /// Nothing: whoever sits in between reads and changes everything, passwords too.
      case none
    }

    /// The file of the authorities to believe (PEM); nil for those of the system.
    public var authorityFile: String?
    /// The file of the client's certificate chain (PEM); nil for none.
    public var certificateFile: String?
    /// The file of the client's private key (PEM); nil for none.
    public var keyFile: String?
    /// What is checked of the server's certificate.
    public var verification: Verification
    /// The name that the server's certificate must have; nil for the host's. One for the address that is connected to will do
    /// as well; another address cannot be expected.
    public var serverName: String?

    /// Makes a configuration.
    ///
    /// - Parameters:
    ///   - authorityFile: The file of the authorities to believe (PEM); nil for those of the system.
    ///   - certificateFile: The file of the client's certificate chain (PEM); nil for none.
    ///   - keyFile: The file of the client's private key (PEM); nil for none.
    ///   - verification: What is checked of the server's certificate.
    ///   - serverName: The name that the server's certificate must have; nil for the host's.
    public init(
      authorityFile: String? = nil,
      certificateFile: String? = nil,
      keyFile: String? = nil,
      verification: Verification = .full,
      serverName: String? = nil
    ) {
      self.authorityFile = authorityFile
      self.certificateFile = certificateFile
      self.keyFile = keyFile
      self.verification = verification
      self.serverName = serverName
    }

    /// Reads the files.
    func context() throws(RedisError) -> NIOSSLContext {
      guard (self.certificateFile == nil) == (self.keyFile == nil) else {
        throw .invalid("A client's certificate and its private key go together; name both files or neither.")
      }
      var configuration = TLSConfiguration.makeClientConfiguration()
      configuration.minimumTLSVersion = .tlsv12
      if let file = self.authorityFile {
        configuration.trustRoots = .certificates(try Self.read(file, "certificate", NIOSSLCertificate.fromPEMFile))
      }
      if let certificate = self.certificateFile, let key = self.keyFile {
        let chain = try Self.read(certificate, "certificate", NIOSSLCertificate.fromPEMFile)
        configuration.certificateChain = chain.map { .certificate($0) }
        configuration.privateKey = .privateKey(
          try Self.read(key, "private key") { try NIOSSLPrivateKey(file: $0, format: .pem) }
        )
      }
      configuration.certificateVerification =
        switch self.verification {
        case .full: .fullVerification
        case .authorityOnly: .noHostnameVerification
        case .none: .none
        }
      do {
        return try NIOSSLContext(configuration: configuration)
      } catch {
        let files = [self.certificateFile, self.keyFile].compactMap { $0 }.joined(separator: ", ")
        throw .invalid("The client's certificate and key (\(files)) cannot be used together; give a pair.")
      }
    }

    private static func read<Content>(
      _ file: String,
      _ what: String,
      _ read: (String) throws -> Content
    ) throws(RedisError) -> Content {
      do {
        return try read(file)
      } catch {
        throw .invalid("No \(what) can be read from \(file); name a PEM file that holds one.")
      }
    }
  }
}
