using AIaaS.LocalHost.Functions;

namespace AIaaS.LocalHost.Tests.Triggers;

/// <param name="Function">The function that was run.</param>
/// <param name="Data">What its trigger handed over.</param>
/// <param name="Text">The payload as text.</param>
internal sealed record Call(string Function, TriggerData Data, string Text);

/// <summary>Takes calls as functions would and notes them before it behaves as told.</summary>
internal sealed class RecordingExecutor : IFunctionExecutor
{
    private readonly Lock _gate = new();
    private readonly List<Call> _calls = [];

    public Func<Call, CancellationToken, Task> Behaviour { get; set; } = (_, _) => Task.CompletedTask;

    public IReadOnlyList<Call> Calls
    {
        get
        {
            lock (_gate) return [.. _calls];
        }
    }

    public IReadOnlyList<string> Texts => [.. Calls.Select(call => call.Text)];

    public async Task<object?> ExecuteAsync(string functionName, TriggerData data, CancellationToken cancellationToken)
    {
        using var reader = new StreamReader(data.Value as Stream ?? ((BinaryData)data.Value!).ToStream());
        var call = new Call(functionName, data, await reader.ReadToEndAsync(cancellationToken));
        lock (_gate) _calls.Add(call);
        await Behaviour(call, cancellationToken);
        return null;
    }
}
