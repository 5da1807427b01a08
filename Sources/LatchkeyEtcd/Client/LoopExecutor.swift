#if Etcd
internal import NIOCore

/// Runs tasks on the thread of an event loop, so that between a call and the connection that it uses nothing changes threads:
/// a change costs more than the rest of the call.
final class LoopExecutor: TaskExecutor {
  let loop: any EventLoop

  init(_ loop: any EventLoop) {
    self.loop = loop
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    self.loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}
#endif
