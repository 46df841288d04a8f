namespace AIaaS.Serving.Inference;

/// <summary>An inference request that the caller has to change.</summary>
/// <param name="message">What is wrong and what to send instead.</param>
public sealed class InferenceRequestException(string message) : Exception(message);
