namespace AIaaS.Serving.Predictions;

/// <summary>What to do with a feature that the model does not have.</summary>
public enum UnknownFeaturePolicy
{
    /// <summary>Refuse the request and name the features that are meant, perhaps.</summary>
    Refuse,

    /// <summary>Skip it, whatever its value.</summary>
    Ignore,
}

/// <summary>What to do with NaN and infinity where a number is wanted, given as the strings <c>NaN</c>, <c>Infinity</c>, <c>-inf</c> and the like.</summary>
public enum NonFinitePolicy
{
    /// <summary>Refuse the request.</summary>
    Refuse,

    /// <summary>Take them as missing.</summary>
    Missing,
}

/// <summary>How the rows of a request are written.</summary>
public enum RowFormat
{
    /// <summary><c>{"rows":[…]}</c>.</summary>
    Json,

    /// <summary>Values with commas between them, after a row of names (RFC 4180).</summary>
    Csv,

    /// <summary>The body is the value of the model's one text feature.</summary>
    Text,

    /// <summary>The body is a JPEG or PNG file, the value of the model's one image feature.</summary>
    Image,
}

/// <summary>One prediction request, apart from its body.</summary>
/// <param name="RequestId">Given back as <c>requestId</c>.</param>
/// <param name="ModelName">Given back as <c>model.name</c>.</param>
/// <param name="ModelVersion">Given back as <c>model.version</c>.</param>
/// <param name="UnknownFeatures">The endpoint's setting.</param>
/// <param name="MaxRows">Most rows of one request.</param>
/// <param name="Timeout">What the request has left until its deadline, which its cancellation token ends; null for none.</param>
/// <param name="NonFinite">The endpoint's setting.</param>
/// <param name="Format">How the body is written.</param>
/// <param name="BypassCircuit">Whether it runs though the model rests, and how it ends is not held against the model: for callers who look for rows at fault.</param>
public readonly record struct PredictionContext(
    string RequestId,
    string ModelName,
    int ModelVersion,
    UnknownFeaturePolicy UnknownFeatures = UnknownFeaturePolicy.Refuse,
    int MaxRows = 10_000,
    TimeSpan? Timeout = null,
    NonFinitePolicy NonFinite = NonFinitePolicy.Refuse,
    RowFormat Format = RowFormat.Json,
    bool BypassCircuit = false);

/// <summary>What one prediction took.</summary>
/// <param name="Rows">Rows predicted.</param>
/// <param name="Parse">Reading the request.</param>
/// <param name="Queue">Waiting for the model's other requests.</param>
/// <param name="Run">Running the model, with the rows of other requests where they shared a run.</param>
/// <param name="Write">Writing the answer.</param>
public readonly record struct PredictionSummary(int Rows, TimeSpan Parse, TimeSpan Queue, TimeSpan Run, TimeSpan Write)
{
    /// <summary>Most rows of a run that it took part in, those of other requests among them.</summary>
    public int RunRows { get; init; }

    /// <summary>Whether it is the answer to an earlier request with the same content.</summary>
    public bool Repeated { get; init; }
}
