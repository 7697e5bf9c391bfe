"""Knowledge distillation and the defensive-distillation procedures built on it."""

from distillation.distiller import Distiller
from distillation.losses import (
    OpaqueCategoricalCrossentropy,
    SoftenedCategoricalCrossentropy,
    SquaredTemperatureKLDivergence,
)
from distillation.monitor import LossTermMonitor
from distillation.procedures import (
    PROCEDURES,
    ROLES,
    DistillationResult,
    Procedure,
    compile_trainer,
    defensive_distillation,
    procedure,
)

__all__ = [
    "PROCEDURES",
    "ROLES",
    "DistillationResult",
    "Distiller",
    "LossTermMonitor",
    "OpaqueCategoricalCrossentropy",
    "Procedure",
    "SoftenedCategoricalCrossentropy",
    "SquaredTemperatureKLDivergence",
    "compile_trainer",
    "defensive_distillation",
    "procedure",
]
