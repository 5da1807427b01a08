package import NIOCore

/// Runs tasks on the thread of an event loop, so that between a call and the connection that it uses nothing changes threads:
/// a change costs more than the rest of the call.
package final class LoopExecutor: TaskExecutor {
  package let loop: any EventLoop

  package init(_ loop: any EventLoop) {
    self.loop = loop
  }

  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    self.loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}
