using AIaaS.Serving.Inference;
using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;
using Microsoft.ML.OnnxRuntime;

namespace AIaaS.Serving.Batching;

/// <summary>Tensors to run a graph on.</summary>
/// <param name="InputNames">Graph inputs.</param>
/// <param name="Inputs">One tensor for each, which have to live until the run has ended.</param>
/// <param name="OutputNames">Graph outputs that are wanted.</param>
/// <param name="Rows">What they count as among others.</param>
internal sealed record TensorCall(IReadOnlyCollection<string> InputNames, IReadOnlyList<OrtValue> Inputs, IReadOnlyCollection<string> OutputNames, int Rows)
{
    /// <summary>Says whether their rows may run with others and in parts; null where they run whole.</summary>
    public InferencePlan? Plan { get; init; }

    /// <summary>Whether they are small enough to be copied for the sake of a shared run.</summary>
    public bool IsSmall { get; init; }
}

/// <summary>What a graph made of tensors.</summary>
/// <param name="Outputs">In the order of their names; to be disposed.</param>
/// <param name="QueueTicks">Timestamp ticks it waited.</param>
/// <param name="RunTicks">Timestamp ticks of the runs it took part in.</param>
/// <param name="RunRows">Most rows of one of them.</param>
internal readonly record struct TensorOutcome(IDisposableReadOnlyCollection<OrtValue> Outputs, long QueueTicks, long RunTicks, int RunRows);

/// <summary>Tensors that wait for their turn.</summary>
internal sealed class TensorsRun(TensorCall call, LoadedModel model, CancellationToken cancellationToken)
    : QueuedRun(call.Rows, cancellationToken), IDisposable
{
    private IDisposableReadOnlyCollection<OrtValue>? _outputs;

    public TensorCall Call { get; } = call;

    public override bool CanJoin => Call.IsSmall && CanSplit;

    public override bool CanSplit => Call.Plan is { IsKnownToMix: false };

    public override int Run(int first, int count)
    {
        if (count == Rows)
            return RunWhole();

        using var part = new TensorList(Call.Inputs.Count);
        foreach (var input in Call.Inputs)
        {
            part.Add(TensorRows.Allocate(input, count));
            TensorRows.Copy(input, first, part[^1], 0, count);
        }

        using var given = model.Run(Call.InputNames, part, Call.OutputNames, CancellationToken);
        if (first == 0 && TensorRows.HaveRows(given, count))
            _outputs = TensorList.Of(given, output => TensorRows.Allocate(output, Rows));
        if (_outputs is not null && TensorRows.HaveRows(given, count) && TensorRows.HaveSameTails(given, _outputs))
        {
            Copy(given, 0, first, count);
            return count;
        }

        Call.Plan!.NoteMixing();
        return RunWhole();
    }

    /// <summary>Takes its rows from outputs that it shares.</summary>
    public void Take(IReadOnlyList<OrtValue> outputs, int first)
    {
        _outputs = TensorList.Of(outputs, output => TensorRows.Allocate(output, Rows));
        Copy(outputs, first, 0, Rows);
    }

    /// <summary>Hands the outputs over, once all rows are run.</summary>
    public IDisposableReadOnlyCollection<OrtValue> TakeOutputs()
    {
        var outputs = _outputs!;
        _outputs = null;
        return outputs;
    }

    public override bool JoinsWith(QueuedRun other) =>
        other is TensorsRun { Call: var tensors } && tensors.OutputNames.SequenceEqual(Call.OutputNames) && TensorRows.HaveSameTails(tensors.Inputs, Call.Inputs);

    public override JoinedRun Join(IReadOnlyList<QueuedRun> runs, LoadedModel model) => new JoinedTensors(runs, Call, model);

    public void Dispose() => _outputs?.Dispose();

    private int RunWhole()
    {
        _outputs?.Dispose();
        _outputs = null;
        _outputs = model.Run(Call.InputNames, Call.Inputs, Call.OutputNames, CancellationToken);
        return Rows;
    }

    private void Copy(IReadOnlyList<OrtValue> outputs, int from, int to, int count)
    {
        for (var i = 0; i < outputs.Count; i++)
            TensorRows.Copy(outputs[i], from, _outputs![i], to, count);
    }
}

/// <summary>Tensors of several requests, one behind another.</summary>
internal sealed class JoinedTensors : JoinedRun
{
    private readonly TensorCall _call;
    private readonly LoadedModel _model;
    private readonly TensorList _inputs;
    private IDisposableReadOnlyCollection<OrtValue>? _outputs;

    /// <param name="runs">The requests.</param>
    /// <param name="call">That of the first of them.</param>
    /// <param name="model">Held by the caller.</param>
    public JoinedTensors(IReadOnlyList<QueuedRun> runs, TensorCall call, LoadedModel model)
    {
        (_call, _model, Rows) = (call, model, runs.Sum(static run => run.Rows));
        _inputs = new(call.Inputs.Count);
        try
        {
            for (var i = 0; i < call.Inputs.Count; i++)
            {
                _inputs.Add(TensorRows.Allocate(call.Inputs[i], Rows));
                var first = 0;
                foreach (var run in runs)
                {
                    TensorRows.Copy(((TensorsRun)run).Call.Inputs[i], 0, _inputs[i], first, run.Rows);
                    first += run.Rows;
                }
            }
        }
        catch
        {
            _inputs.Dispose();
            throw;
        }
    }

    public override int Rows { get; }

    public override bool CopiesOutputs => true;

    public override void Run()
    {
        _outputs = _model.Run(_call.InputNames, _inputs, _call.OutputNames, CancellationToken.None);
        if (TensorRows.HaveRows(_outputs, Rows))
            return;
        _call.Plan!.NoteMixing();
        throw new PredictionFailedException("The outputs of tensors that ran together have other rows than these.");
    }

    public override void Complete(QueuedRun run, int first)
    {
        ((TensorsRun)run).Take(_outputs!, first);
        run.TryComplete(shared: null, first: 0);
    }

    public override void Dispose()
    {
        _inputs.Dispose();
        _outputs?.Dispose();
    }
}
