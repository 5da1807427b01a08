internal import Foundation
internal import LatchkeyTesting
internal import NIOCore
internal import NIOPosix
package import NIOSSL
internal import Testing

/// A server that speaks no newer version of TLS than a given one, and closes every connection as soon as it has read anything
/// on it that was encrypted.
package enum OldTLSServer {
  /// Lends the server.
  ///
  /// - Returns: How many connections were encrypted.
  package static func serve(
    upTo newest: TLSVersion,
    _ body: (_ port: Int, _ authorityFile: String) async throws -> Void
  ) async throws -> Int {
    let folder = try ServerFolder(name: "certificates")
    defer { try? FileManager.default.removeItem(atPath: folder.path) }
    let certificate = try await ServerCertificate.make(for: ["IP:127.0.0.1"], in: folder)
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: try NIOSSLCertificate.fromPEMFile(certificate.file).map { .certificate($0) },
      privateKey: .privateKey(try NIOSSLPrivateKey(file: certificate.keyFile, format: .pem))
    )
    configuration.minimumTLSVersion = .tlsv1
    configuration.maximumTLSVersion = newest
    let context = try NIOSSLContext(configuration: configuration)
    let encrypted = Shared(0)
    let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers(
            NIOSSLServerHandler(context: context),
            Reader { encrypted.change { $0 += 1 } }
          )
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    do {
      try await body(try #require(listener.localAddress?.port), certificate.file)
      try await listener.close()
    } catch {
      try await listener.close()
      throw error
    }
    return encrypted.value
  }

  /// Stands behind the encryption, so what it reads was encrypted.
  private final class Reader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let onRead: @Sendable () -> Void

    init(onRead: @escaping @Sendable () -> Void) {
      self.onRead = onRead
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      self.onRead()
      context.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
  }
}
