namespace AIaaS.Serving.Predictions;

/// <summary>What is wrong with a prediction request.</summary>
public enum PredictionError
{
    /// <summary>Not JSON, or not of the form <c>{"rows":[…]}</c>.</summary>
    MalformedRequest,

    /// <summary>The model has no such feature.</summary>
    UnknownFeature,

    /// <summary>A feature that the model cannot impute is missing.</summary>
    MissingFeature,

    /// <summary>A feature is given twice in one row.</summary>
    DuplicateFeature,

    /// <summary>A value has another JSON type than the feature.</summary>
    WrongType,

    /// <summary>A number that the model's element type cannot hold.</summary>
    OutOfRange,

    /// <summary>NaN or infinity, which the endpoint does not take.</summary>
    NonFinite,

    /// <summary>The model has no feature, or several, that such a body could be the value of.</summary>
    WrongForm,

    /// <summary>An image that is not one, or is too large.</summary>
    BadImage,

    /// <summary>More rows than one request may have.</summary>
    TooManyRows,

    /// <summary>The model takes tensors only.</summary>
    NoRows,
}

/// <summary>A request that the caller has to change.</summary>
public sealed class PredictionRequestException : Exception
{
    /// <param name="error">The kind of mistake.</param>
    /// <param name="detail">What is wrong and what to send instead.</param>
    public PredictionRequestException(PredictionError error, string detail)
        : base(detail) => Error = error;

    /// <param name="error">The kind of mistake.</param>
    /// <param name="row">Index of the row; null where it is in all of them.</param>
    /// <param name="feature">Name of the feature.</param>
    /// <param name="detail">What is wrong and what to send instead.</param>
    public PredictionRequestException(PredictionError error, int? row, string feature, string detail)
        : base($"{(row is null ? "columns" : $"rows[{row}]")}, feature '{Excerpt.Of(feature)}': {detail}") =>
        (Error, Row, Feature) = (error, row, feature);

    public PredictionError Error { get; }

    /// <summary>Index of the row, from 0.</summary>
    public int? Row { get; }

    /// <summary>Name of the feature.</summary>
    public string? Feature { get; }
}

/// <summary>A model failed on a valid request.</summary>
/// <param name="reason">What ONNX Runtime said; not meant for callers of an endpoint.</param>
public sealed class PredictionFailedException(string reason, Exception? innerException = null)
    : Exception($"The model failed while it ran: {reason}", innerException);
