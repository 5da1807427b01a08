/// What the locks need of a Redis client. ``RedisConnection`` is ours; a service that runs a client already lets that conform.
///
/// An executor stands for **one** server, or one endpoint that always leads to the same data.
///
/// Commands should be carried out in the order in which `send` was called, as far as one connection carries them. A pool of
/// connections keeps no such order; the locks then stay correct, and what a slow request leaves behind lives until its TTL.
///
/// A command should be sent once. A client that repeats it by itself after a lost reply may carry out a release twice: the second
/// one finds no key, and the holder is told `lockLost` although the lock was held until its release. Switch such retries off; the
/// locks repeat what may be repeated.
///
/// ## A client of valkey-swift
///
/// ```swift
/// struct ValkeyExecutor: RedisExecutor {
///   let client: ValkeyClient
///
///   func send(_ command: RedisCommand) async throws(RedisError) -> RedisValue {
///     do {
///       return RedisValue(try await self.client.execute(AnyCommand(words: command.words)))
///     } catch let error as ValkeyClientError where error.errorCode == .commandError {
///       throw RedisError(.server, error.message ?? "")  // The server's own text, such as "NOSCRIPT …".
///     } catch {
///       throw RedisError(.connectionLost, "\(error)")
///     }
///   }
///
///   func subscribe(to channel: String) async throws(RedisError) -> AsyncStream<String> {
///     let (stream, continuation) = AsyncStream.makeStream(of: String.self)
///     let (confirmed, confirm) = AsyncStream.makeStream(of: RedisError?.self)
///     let reader = Task {
///       do {
///         try await self.client.subscribe(to: channel) { messages in
///           confirm.yield(nil)
///           for try await message in messages { continuation.yield(String(message.message)) }
///         }
///       } catch {
///         confirm.yield(RedisError(.connectionLost, "\(error)"))
///       }
///       confirm.finish()
///       continuation.finish()
///     }
///     continuation.onTermination = { _ in reader.cancel() }
///     if case .some(let failure?) = await confirmed.first(where: { _ in true }) { throw failure }
///     return stream
///   }
/// }
///
/// struct AnyCommand: ValkeyCommand {
///   static let name = "LATCHKEY"
///   let words: [[UInt8]]
///   var keysAffected: [ValkeyKey] { [] }
///
///   func encode(into encoder: inout ValkeyCommandEncoder) {
///     encoder.encodeArray(self.words.map { String(decoding: $0, as: UTF8.self) })
///   }
/// }
///
/// extension RedisValue {
///   init(_ token: RESPToken) {
///     switch token.value {
///     case .simpleString(let bytes), .bulkString(let bytes), .verbatimString(let bytes), .bigNumber(let bytes):
///       self = .string(Array(buffer: bytes))
///     case .simpleError(let text), .bulkError(let text): self = .error(String(buffer: text))
///     case .number(let number): self = .integer(number)
///     case .double(let number): self = .double(number)
///     case .boolean(let value): self = .boolean(value)
///     case .array(let items), .set(let items), .push(let items): self = .array(items.map(RedisValue.init))
///     case .map(let pairs), .attribute(let pairs):
///       self = .map(pairs.flatMap { [RedisValue($0.key), RedisValue($0.value)] })
///     case .null: self = .null
///     }
///   }
/// }
/// ```
///
/// ## A client of RediStack
///
/// RediStack has types of the same names, so its module is named here; `LatchkeyRedis` says which is meant where it is not.
/// It does not mark its types as sendable, although they may be used from any thread.
///
/// ```swift
/// @preconcurrency import RediStack
///
/// struct RediStackExecutor: LatchkeyRedis.RedisExecutor, @unchecked Sendable {
///   let client: any RediStack.RedisClient
///
///   func send(_ command: LatchkeyRedis.RedisCommand) async throws(LatchkeyRedis.RedisError) -> RedisValue {
///     let words = command.words.map { RESPValue.bulkString(ByteBuffer(bytes: $0)) }
///     let name = String(decoding: command.words[0], as: UTF8.self)
///     do {
///       return RedisValue(try await self.client.send(command: name, with: Array(words.dropFirst())).get())
///     } catch let error as RediStack.RedisError {
///       let prefix = "(Redis) "  // RediStack's own, before the server's text.
///       throw .init(.server, error.message.hasPrefix(prefix) ? String(error.message.dropFirst(prefix.count)) : error.message)
///     } catch {
///       throw .init(.connectionLost, "\(error)")
///     }
///   }
///
///   func subscribe(to channel: String) async throws(LatchkeyRedis.RedisError) -> AsyncStream<String> {
///     let (stream, continuation) = AsyncStream.makeStream(of: String.self)
///     do {
///       try await self.client.subscribe(
///         to: [RedisChannelName(channel)],
///         messageReceiver: { _, message in continuation.yield(message.string ?? "") },
///         onUnsubscribe: { _, _ in continuation.finish() }
///       ).get()
///     } catch {
///       throw .init(.connectionLost, "\(error)")
///     }
///     continuation.onTermination = { _ in _ = self.client.unsubscribe(from: [RedisChannelName(channel)]) }
///     return stream
///   }
/// }
///
/// extension RedisValue {
///   init(_ value: RESPValue) {
///     switch value {
///     case .null, .bulkString(nil): self = .null
///     case .simpleString(let bytes), .bulkString(let bytes?): self = .string(Array(buffer: bytes))
///     case .integer(let number): self = .integer(Int64(number))
///     case .array(let items): self = .array(items.map(RedisValue.init))
///     case .error(let error): self = .error(error.message)
///     }
///   }
/// }
/// ```
///
/// A connection of RediStack that is not in a pool has one receiver for each channel: give every lock space its own.
public protocol RedisExecutor: Sendable {
  /// Sends one command and returns its reply.
  ///
  /// Must end in bounded time, with an error if need be, and should not send the command a second time. Ending is not the same as being undone: a command whose reply was
  /// lost may have been carried out, or may be yet.
  ///
  /// - Parameter command: The command's words.
  /// - Returns: The reply, which is no error.
  /// - Throws: ``RedisError``; an error reply of the server has the code ``RedisError/Code/server``.
  func send(_ command: RedisCommand) async throws(RedisError) -> RedisValue

  /// Listens to a channel.
  ///
  /// - Parameter channel: The channel's name.
  /// - Returns: The messages that are published after the server has confirmed the subscription, which it has when this
  ///   returns. The sequence ends when the subscription is lost; when its reader ends, the subscription is given up.
  /// - Throws: ``RedisError``.
  func subscribe(to channel: String) async throws(RedisError) -> AsyncStream<String>
}
