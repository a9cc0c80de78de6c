import Compute
import Foundation
import Heads
import Tensors
import TestSupport
import Testing

import Training

/// Optimizers against PyTorch (tools/reference/training.py, which gives the tolerance's reason) and against themselves.
@Suite struct OptimizerTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let description: OptimizerDescription
    let learningRate: Float
  }

  static let cases = [
    Case(
      testDescription: "sgd",
      description: OptimizerDescription(.sgd, momentum: 0.875, weightDecay: 0.0625, nesterov: true),
      learningRate: 0.125),
    Case(
      testDescription: "lars",
      description: OptimizerDescription(.lars, momentum: 0.875, weightDecay: 0.0625, nesterov: true),
      learningRate: 4),
    Case(
      testDescription: "adamw",
      description: OptimizerDescription(.adamw, momentum: 0, weightDecay: 0.0625, beta1: 0.75, beta2: 0.9375),
      learningRate: 0.125),
  ]

  @Test(arguments: cases)
  func twentyStepsFollowPyTorch(reference: Case) throws {
    let tensors = try Safetensors.read(Fixtures.path("training/training.safetensors")).tensors
    let parameters = [Parameter("weight", shape: [6, 5]), Parameter("bias", shape: [6])]
    for parameter in parameters {
      let start = tensors["optimizer.start.\(parameter.name)"]!.floats()
      _ = parameter.values.buffer.update(fromContentsOf: start)
    }
    let optimizer = reference.description.makeOptimizer(for: parameters)
    for step in 0..<20 {
      for parameter in parameters {
        let gradients = tensors["optimizer.gradients.\(parameter.name)"]!.floats()
        let range = step * parameter.count..<(step + 1) * parameter.count
        _ = parameter.gradient.buffer.update(fromContentsOf: gradients[range])
      }
      #expect(optimizer.update(learningRate: reference.learningRate, step: step))
    }
    for parameter in parameters {
      let expected = tensors["optimizer.\(reference.testDescription).\(parameter.name)"]!.floats()
      let closeness = Closeness(parameter.values.array, expected)
      #expect(closeness.relativeError < 1e-5, "\(parameter.name): \(closeness)")
    }
  }

  /// Parameters of several pieces, the last of them not whole.
  @Test(arguments: cases)
  func stepsDoNotDependOnThreads(reference: Case) {
    let results = [1, 2, 3].map { threads in
      var generator = SeededGenerator(seed: 1)
      let parameters = [Parameter("weight", shape: [300, 333]), Parameter("bias", shape: [300])]
      let optimizer = reference.description.makeOptimizer(for: parameters)
      for step in 0..<3 {
        for parameter in parameters {
          if step == 0 {
            for index in 0..<parameter.count { parameter.values[index] = Float(generator.normal()) }
          }
          for index in 0..<parameter.count { parameter.gradient[index] = Float(generator.normal()) }
        }
        optimizer.update(
          learningRate: reference.learningRate, step: step, Parallel(threadCount: threads))
      }
      #expect(parameters.allSatisfy { $0.gradient.array.allSatisfy { $0 == 0 } })
      return parameters.map(\.values.array) + optimizer.state.flatMap { $0.values.map(\.array) }
    }
    #expect(results[0] == results[1] && results[0] == results[2])
  }

  @Test(arguments: cases)
  func infiniteWeightsAreSeen(reference: Case) {
    let parameters = [Parameter("weight", shape: [300, 333]), Parameter("bias", shape: [300])]
    let optimizer = reference.description.makeOptimizer(for: parameters)
    #expect(optimizer.update(learningRate: 1, step: 0))
    parameters[0].values[99_000] = .infinity
    #expect(!optimizer.update(learningRate: 1, step: 1))
  }

  /// Runs of before could not choose betas or Nesterov's momentum, and wrote nothing of them.
  @Test func settingsOfOldRunsAreRead() throws {
    let old = #"{"algorithm": "sgd", "momentum": 0.5, "weight_decay": 0.25}"#
    let description = try JSONDecoder().decode(OptimizerDescription.self, from: Data(old.utf8))
    #expect(description == OptimizerDescription(.sgd, momentum: 0.5, weightDecay: 0.25))
    #expect(!description.nesterov && description.beta1 == 0.9 && description.beta2 == 0.999)
    for reference in Self.cases {
      let data = try JSONEncoder().encode(reference.description)
      #expect(try JSONDecoder().decode(OptimizerDescription.self, from: data) == reference.description)
    }
  }

  @Test(arguments: ["1", "-0.1", "2"])
  func betasThatAreNoneAreRefused(beta: String) {
    for name in ["beta1", "beta2"] {
      let settings = #"{"algorithm": "adamw", "momentum": 0, "weight_decay": 0, "\#(name)": \#(beta)}"#
      #expect(throws: DecodingError.self) {
        try JSONDecoder().decode(OptimizerDescription.self, from: Data(settings.utf8))
      }
    }
  }
}
