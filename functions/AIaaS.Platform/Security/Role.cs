namespace AIaaS.Platform.Security;

/// <summary>What a caller may do. Each role may do all that the ones before it may.</summary>
public enum Role
{
    /// <summary>Looks at everything of its tenant but keys.</summary>
    Reader,

    /// <summary>Also asks endpoints for predictions and gives feedback on them.</summary>
    Predictor,

    /// <summary>Also brings in data, defines pipelines, runs them, and changes models and endpoints.</summary>
    Trainer,

    /// <summary>Also manages keys.</summary>
    Admin,
}
