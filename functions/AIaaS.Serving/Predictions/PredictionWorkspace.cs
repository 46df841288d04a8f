using System.Buffers;
using System.Text.Json;
using AIaaS.Serving.Models;
using Microsoft.ML.OnnxRuntime;

namespace AIaaS.Serving.Predictions;

/// <summary>
/// All that one request needs at a time: columns, tensors over them and their binding to the session. It serves one request
/// after another; while the number of rows stays the same nothing is made anew.
/// </summary>
internal sealed class PredictionWorkspace : IDisposable
{
    /// <summary>Above this a workspace is not kept for the next request.</summary>
    private const long MaxKeptBytes = 4 << 20;

    /// <summary>Between requests the writer holds this instead of a caller's buffer; nothing is written to it.</summary>
    private static readonly ArrayBufferWriter<byte> Nowhere = new();

    private static readonly JsonWriterOptions WriterOptions = new() { Encoder = PredictionPlan.Encoder, SkipValidation = true };

    private readonly InferenceSession _session;
    private readonly OutputColumn[] _outputs;
    private readonly RunOptions _runOptions = new();
    private readonly OrtIoBinding _binding;
    private readonly Utf8JsonWriter _writer = new(Nowhere, WriterOptions);
    private readonly int _outputRowBytes;
    private OrtValue[] _inputValues = [];
    private (int First, int Rows, int All, int Generation) _bound;
    private bool _isBroken;

    public PredictionWorkspace(PredictionPlan plan, InferenceSession session)
    {
        Plan = plan;
        _session = session;
        Rows = new(plan.Features);
        _outputs = [.. plan.Outputs.Select(OutputColumn.Create)];
        _outputRowBytes = _outputs.Sum(o => o.ElementBytes * o.Plan.Width);
        _binding = session.CreateIoBinding();
    }

    public PredictionPlan Plan { get; }

    public RowBuffer Rows { get; }

    /// <summary>Memory held, in bytes.</summary>
    public long Bytes
    {
        get
        {
            var bytes = Rows.Bytes + ((long)_bound.All * _outputRowBytes);
            foreach (var output in _outputs)
                bytes += output.HeldBytes;
            return bytes;
        }
    }

    /// <summary>Whether the next request may have it.</summary>
    public bool IsReusable => !_isBroken && Bytes <= MaxKeptBytes;

    /// <exception cref="PredictionRequestException">The body has to be changed.</exception>
    public void Parse(in ReadOnlySequence<byte> body, in PredictionContext context) =>
        RowReader.Read(body, Plan, Rows, context);

    /// <summary>Runs the model on some of the rows, the first ones first.</summary>
    /// <exception cref="PredictionFailedException">The model failed.</exception>
    public void Run(int first, int count, CancellationToken cancellationToken)
    {
        if (!Plan.RunsSingleRows)
        {
            RunOnce(first, count, cancellationToken);
            return;
        }

        for (var row = first; row < first + count; row++)
            RunOnce(row, 1, cancellationToken);
    }

    /// <summary>Writes the answer of this request.</summary>
    /// <param name="response">Where to.</param>
    /// <param name="context">The request.</param>
    /// <param name="outputs">The workspace that ran its rows: this one, or one that several requests share.</param>
    /// <param name="first">Its first row there.</param>
    public void Write(IBufferWriter<byte> response, in PredictionContext context, PredictionWorkspace outputs, int first)
    {
        _writer.Reset(response);
        try
        {
            JsonPredictionWriter.Write(_writer, context, Plan, outputs._outputs, first, Rows.Rows);
        }
        finally
        {
            _writer.Reset(Nowhere);
        }
    }

    public void Dispose()
    {
        _binding.Dispose();
        DisposeInputs();
        foreach (var output in _outputs)
            output.Dispose();
        _runOptions.Dispose();
        _writer.Dispose();
    }

    private void RunOnce(int first, int count, CancellationToken cancellationToken)
    {
        try
        {
            Bind(first, count);
            using (cancellationToken.UnsafeRegister(static o => ((RunOptions)o!).Terminate = true, _runOptions))
                _session.RunWithBinding(_runOptions, _binding);
            foreach (var output in _outputs)
                output.Fetch(first, count);
        }
        catch (OnnxRuntimeException e)
        {
            _isBroken = true;
            cancellationToken.ThrowIfCancellationRequested();
            if (Rows.HasImages && OnnxFile.IsOfDecoding(e))
                throw new PredictionRequestException(PredictionError.BadImage, $"The image of rows[{first}] cannot be decoded; it is damaged.");
            throw new PredictionFailedException(e.Message, e);
        }

        if (cancellationToken.IsCancellationRequested)
        {
            // It may have come too late for this run, and must not end the next one.
            _isBroken = true;
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    private void Bind(int first, int count)
    {
        var wanted = (first, count, Rows.Rows, Rows.Generation);
        if (_bound == wanted && !Rows.HasImages)
        {
            for (var i = 0; i < _inputValues.Length; i++)
                Rows.Columns[i].Fill(_inputValues[i], first, count);
            return;
        }

        DisposeInputs();
        _bound = default;
        _inputValues = Rows.CreateValues(first, count);
        for (var i = 0; i < _inputValues.Length; i++)
            _binding.BindInput(Plan.Features[i].Feature.Input, _inputValues[i]);
        for (var i = 0; i < _outputs.Length; i++)
            _binding.BindOutput(Plan.Outputs[i].Output.Name, _outputs[i].CreateValue(first, count, Rows.Rows));
        _bound = wanted;
    }

    private void DisposeInputs()
    {
        foreach (var value in _inputValues)
            value?.Dispose();
        _inputValues = [];
    }
}
