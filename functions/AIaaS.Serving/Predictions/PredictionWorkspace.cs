using System.Buffers;
using System.Text.Json;
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

    private readonly PredictionPlan _plan;
    private readonly InferenceSession _session;
    private readonly OutputColumn[] _outputs;
    private readonly RunOptions _runOptions = new();
    private readonly OrtIoBinding _binding;
    private readonly Utf8JsonWriter _writer = new(Nowhere, WriterOptions);
    private readonly int _outputRowBytes;
    private OrtValue[] _inputValues = [];
    private OrtValue[] _outputValues = [];
    private int _boundRows;
    private int _boundGeneration;
    private bool _isBroken;

    public PredictionWorkspace(PredictionPlan plan, InferenceSession session)
    {
        _plan = plan;
        _session = session;
        Rows = new(plan.Features);
        _outputs = [.. plan.Outputs.Select(OutputColumn.Create)];
        _outputRowBytes = _outputs.Sum(o => o.ElementBytes * o.Plan.Width);
        _binding = session.CreateIoBinding();
    }

    public RowBuffer Rows { get; }

    /// <summary>Whether the next request may have it.</summary>
    public bool IsReusable => !_isBroken && Rows.Bytes + ((long)_boundRows * _outputRowBytes) <= MaxKeptBytes;

    /// <exception cref="PredictionRequestException">The body has to be changed.</exception>
    public void Parse(in ReadOnlySequence<byte> body, in PredictionContext context) =>
        RowReader.Read(body, _plan, Rows, context);

    /// <summary>Runs the model on the rows; no rows need no run.</summary>
    /// <exception cref="PredictionFailedException">The model failed.</exception>
    public void Run(CancellationToken cancellationToken)
    {
        if (Rows.Rows == 0)
            return;
        try
        {
            Bind();
            using (cancellationToken.UnsafeRegister(static o => ((RunOptions)o!).Terminate = true, _runOptions))
                _session.RunWithBinding(_runOptions, _binding);
        }
        catch (OnnxRuntimeException e)
        {
            _isBroken = true;
            cancellationToken.ThrowIfCancellationRequested();
            throw new PredictionFailedException(e.Message, e);
        }

        if (cancellationToken.IsCancellationRequested)
        {
            // It may have come too late for this run, and must not end the next one.
            _isBroken = true;
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    public void Write(IBufferWriter<byte> response, in PredictionContext context)
    {
        _writer.Reset(response);
        try
        {
            JsonPredictionWriter.Write(_writer, context, _plan, _outputs, Rows.Rows);
        }
        finally
        {
            _writer.Reset(Nowhere);
        }
    }

    public void Dispose()
    {
        _binding.Dispose();
        DisposeValues();
        _runOptions.Dispose();
        _writer.Dispose();
    }

    private void Bind()
    {
        if (_boundRows == Rows.Rows && _boundGeneration == Rows.Generation)
        {
            for (var i = 0; i < _inputValues.Length; i++)
                Rows.Columns[i].Fill(_inputValues[i], Rows.Rows);
            return;
        }

        DisposeValues();
        _boundRows = 0;
        _inputValues = Rows.CreateValues();
        for (var i = 0; i < _inputValues.Length; i++)
            _binding.BindInput(_plan.Features[i].Feature.Input, _inputValues[i]);
        _outputValues = new OrtValue[_outputs.Length];
        for (var i = 0; i < _outputs.Length; i++)
        {
            _outputValues[i] = _outputs[i].CreateValue(Rows.Rows);
            _binding.BindOutput(_plan.Outputs[i].Output.Name, _outputValues[i]);
        }

        (_boundRows, _boundGeneration) = (Rows.Rows, Rows.Generation);
    }

    private void DisposeValues()
    {
        foreach (var value in _inputValues)
            value?.Dispose();
        foreach (var value in _outputValues)
            value?.Dispose();
        (_inputValues, _outputValues) = ([], []);
    }
}
