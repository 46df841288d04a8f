namespace AIaaS.Platform.Problems;

/// <summary>A refusal in words for the caller: becomes an RFC 9457 problem over HTTP, and the reason of a failed run or poison record elsewhere.</summary>
/// <param name="problem">Status, stable type and title.</param>
/// <param name="detail">What is wrong and what to do about it; nothing of our internals.</param>
public sealed class ProblemException(Problem problem, string detail) : Exception(detail)
{
    public Problem Problem { get; } = problem;

    /// <summary>The request field at fault, as the caller wrote it; null where none is.</summary>
    public string? Field { get; init; }

    /// <summary>After how long a repetition may succeed, for 429 and 503.</summary>
    public TimeSpan? RetryAfter { get; init; }
}

/// <summary>A kind of refusal: an HTTP status, the last segment of its stable <c>type</c> URI, and a title.</summary>
public sealed record Problem(int Status, string Type, string Title)
{
    public static Problem MalformedBody { get; } = new(400, "malformed-body", "The request body cannot be read");
    public static Problem InvalidValue { get; } = new(400, "invalid-value", "A value is not acceptable");
    public static Problem InvalidName { get; } = new(400, "invalid-name", "A name is not acceptable");
    public static Problem Unauthenticated { get; } = new(401, "unauthenticated", "A valid key is needed");
    public static Problem Forbidden { get; } = new(403, "forbidden", "The key's role does not allow this");
    public static Problem InvalidUpload { get; } = new(403, "invalid-upload", "The upload URL is not good");
    public static Problem NotFound { get; } = new(404, "not-found", "There is no such thing");
    public static Problem Conflict { get; } = new(409, "conflict", "The state does not allow this");
    public static Problem PreconditionFailed { get; } = new(412, "precondition-failed", "The document was changed meanwhile");
    public static Problem TooLarge { get; } = new(413, "too-large", "The request body is too large");
    public static Problem UnsupportedMediaType { get; } = new(415, "unsupported-media-type", "The content type is not supported");
    public static Problem UnusableData { get; } = new(422, "unusable-data", "The data cannot be used");
    public static Problem UnusableModel { get; } = new(422, "unusable-model", "The model cannot be served");
    public static Problem IdempotencyKeyReused { get; } = new(422, "idempotency-key-reused", "The Idempotency-Key belongs to another request");
    public static Problem TooManyRequests { get; } = new(429, "too-many-requests", "Too many requests");
    public static Problem Internal { get; } = new(500, "internal", "Something went wrong on our side");
    public static Problem Unavailable { get; } = new(503, "unavailable", "Not available at the moment");
    public static Problem StorageFull { get; } = new(507, "storage-full", "The storage is full");
    public static Problem Timeout { get; } = new(504, "timeout", "The request took too long");
}
