"""Trains, exports and proves the forecasting models of this repository."""
