using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using AIaaS.LocalHost.Durable;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.Logging.Abstractions;

namespace AIaaS.Benchmarks;

/// <summary>How many actions a second the local durable engine records, with its histories on the disk.</summary>
internal sealed class DurableBenchmark : IBenchmark
{
    private const int Orchestrations = 8;
    private const int Rounds = 20;
    private const int Width = 50;
    private const double Aim = 500;

    public string Name => "durable";

    public string Description => "actions recorded a second by the local durable engine, fan-out and in sequence";

    public async Task<BenchmarkOutcome> RunAsync(CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("durable-benchmark-").FullName;
        try
        {
            await using var engine = new DurableEngine(
                new DurableEngineOptions { Folder = folder }, new TrivialFunctions(), TimeProvider.System, NullLoggerFactory.Instance);
            engine.Start();
            await using var client = new LocalDurableTaskClient(engine, TimeProvider.System);
            await MeasureAsync(client, "FanOut", 1, 1, cancellationToken);

            var fanOut = await MeasureAsync(client, "FanOut", Orchestrations, Rounds * Width, cancellationToken);
            Console.WriteLine($"fan-out, {Orchestrations} orchestrations of {Rounds} rounds of {Width} activities: {fanOut:N0} actions/s");
            var sequence = await MeasureAsync(client, "Sequence", 1, 1000, cancellationToken);
            Console.WriteLine($"in sequence, one orchestration of 1000 activities: {sequence:N0} actions/s");
            var files = Directory.GetFiles(folder, "*", SearchOption.AllDirectories);
            Console.WriteLine($"histories: {files.Length} files, {files.Sum(file => new FileInfo(file).Length) / 1024:N0} KiB");

            var slower = Math.Min(fanOut, sequence);
            return new BenchmarkOutcome($"{slower:N0} actions/s", $"≥ {Aim:N0} actions/s", slower >= Aim);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<double> MeasureAsync(
        DurableTaskClient client, string orchestrator, int count, int actionsEach, CancellationToken cancellationToken)
    {
        var began = Stopwatch.GetTimestamp();
        var ids = new List<string>();
        for (var i = 0; i < count; i++)
        {
            ids.Add(await client.ScheduleNewOrchestrationInstanceAsync(orchestrator, actionsEach, cancellationToken));
        }

        foreach (var id in ids)
        {
            var end = await client.WaitForInstanceCompletionAsync(id, getInputsAndOutputs: true, cancellationToken);
            if (end.ReadOutputAs<int>() != actionsEach)
                throw new InvalidOperationException($"An orchestration ended wrongly: {end} {end.FailureDetails}");
        }

        return count * actionsEach / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private sealed class TrivialFunctions : IDurableFunctions
    {
        public bool TryGetOrchestrator(string name, [NotNullWhen(true)] out Orchestrator? orchestrator)
        {
            orchestrator = name switch
            {
                "FanOut" => FanOutAsync,
                "Sequence" => SequenceAsync,
                _ => null,
            };
            return orchestrator is not null;
        }

        public bool HasActivity(string name) => name == "One";

        public Task<object?> RunActivityAsync(ActivityCall call, CancellationToken cancellationToken) => Task.FromResult<object?>(1);

        private static async Task<object?> FanOutAsync(TaskOrchestrationContext context)
        {
            var wanted = context.GetInput<int>();
            var sum = 0;
            while (sum < wanted)
            {
                sum += (await Task.WhenAll(Enumerable.Range(0, Math.Min(Width, wanted - sum))
                    .Select(_ => context.CallActivityAsync<int>("One")))).Sum();
            }

            return sum;
        }

        private static async Task<object?> SequenceAsync(TaskOrchestrationContext context)
        {
            var wanted = context.GetInput<int>();
            var sum = 0;
            while (sum < wanted)
            {
                sum += await context.CallActivityAsync<int>("One");
            }

            return sum;
        }
    }
}
